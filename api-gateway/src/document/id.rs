//! Ids of entities that were given none: the same document gets the same ids on every node and at every load.
//!
//! Kong derives a UUIDv5 from what names an entity. Where nothing names it (a route without a name, a certificate) Kong
//! draws a random id; here it follows from the entity's position in the document, so that two nodes agree.

use std::sync::LazyLock;

use uuid::Uuid;

use super::entries::Collection;

/// The namespace of Kong's namespaces.
const ROOT: Uuid = Uuid::from_u128(0xfd02_801f_0957_4a15_a55a_c8d9_606f_30b5);

/// The id of an entity that a unique key of its own names.
pub(super) fn of_key(collection: Collection, key: &str) -> Uuid {
    Uuid::new_v5(&namespace(collection), key.as_bytes())
}

/// The id of an entity that several parts name together: Kong's cache key, `*` standing for the workspace.
pub(super) fn of_parts(collection: Collection, parts: &[&str]) -> Uuid {
    let mut key = format!("{}:*", collection.name());
    for part in parts {
        key.push(':');
        key.push_str(part);
    }
    of_key(collection, &key)
}

fn namespace(collection: Collection) -> Uuid {
    static NAMESPACES: LazyLock<[Uuid; Collection::ALL.len()]> =
        LazyLock::new(|| Collection::ALL.map(|collection| Uuid::new_v5(&ROOT, collection.name().as_bytes())));
    NAMESPACES[collection as usize]
}

/// The id of an entity that nothing but its position tells from others.
pub(super) fn of_position(path: &str) -> Uuid {
    let namespace = Uuid::new_v5(&ROOT, b"position");
    Uuid::new_v5(&namespace, path.as_bytes())
}

/// Reads an id as Kong does: hyphenated, in either case, nothing else.
pub(super) fn parse(text: &str) -> Option<Uuid> {
    const HYPHENATED: usize = 36;
    if text.len() == HYPHENATED {
        Uuid::try_parse(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kongs() {
        let alice = of_key(Collection::Consumers, "alice");
        for (id, expected) in [
            (
                of_key(Collection::Services, "foo"),
                "2933fbcc-9d7c-54a7-a984-fe2bde836cea",
            ),
            (alice, "b32379d9-3d28-5683-a79c-72139be6e34f"),
            (
                of_parts(Collection::Acls, &[&alice.to_string(), "admin"]),
                "051654ec-b4cd-59fd-96db-c35d736d4e4d",
            ),
        ] {
            assert_eq!(id.to_string(), expected);
        }
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        for (text, accepted) in [
            ("2933fbcc-9d7c-54a7-a984-fe2bde836cea", true),
            ("2933FBCC-9D7C-54A7-A984-FE2BDE836CEA", true),
            ("2933fbcc9d7c54a7a984fe2bde836cea", false),
            ("{2933fbcc-9d7c-54a7-a984-fe2bde836cea}", false),
            ("urn:uuid:2933fbcc-9d7c-54a7-a984-fe2bde836cea", false),
            ("2933fbcc-9d7c-54a7-a984-fe2bde836ceg", false),
            ("", false),
        ] {
            assert_eq!(parse(text).is_some(), accepted, "{text}");
        }
    }
}
