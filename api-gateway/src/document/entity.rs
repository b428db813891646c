//! One entity with what all have in common: id, tags, and references to others.

use uuid::Uuid;

use super::entries::Collection;
use super::fields::Fields;
use super::reader::{At, Context, Trail};
use super::tree::{Located, Place, Value};
use super::{name, rule};

/// The opened entity and what it has of its own: place, id, parent.
pub(super) struct Entity<'a> {
    fields: Fields<'a>,
    place: Place,
    /// See [`Entry::id`].
    id: Option<Uuid>,
    created_at: Option<f64>,
    parent: Option<(&'static str, Located<Uuid>)>,
}

impl<'a> Entity<'a> {
    /// Opens entry number `index`; the fields that every entity has are read here.
    pub(super) fn open(context: &'a Context<'a>, index: usize, trail: &'a Trail<'a>) -> Option<Self> {
        let entry = context.entries.get(index)?;
        let mut fields = Fields::open(At {
            node: entry.node,
            trail,
            context,
        })?;
        fields.optional("id", rule::uuid);
        let created_at = fields.optional("created_at", rule::number);
        fields.optional("updated_at", rule::number);
        for child in entry.collection.children() {
            fields.ignored(child.name());
        }
        Some(Self {
            fields,
            place: entry.node.place,
            id: entry.id,
            created_at,
            parent: context.entries.parent(index),
        })
    }

    /// When it was made, in seconds since 1970, if the document says so.
    pub(super) fn created_at(&self) -> Option<u64> {
        // Saturates: a date before 1970 is none of a credential's.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.created_at.map(|seconds| seconds as u64)
    }

    /// What is left when references and tags are read: the fields, the place, the id.
    pub(super) fn parts(self) -> (Fields<'a>, Place, Option<Uuid>) {
        (self.fields, self.place, self.id)
    }

    /// A reference that may be absent.
    pub(super) fn optional_reference(
        &mut self,
        name: &'static str,
        collection: Collection,
    ) -> Option<Located<Uuid>> {
        match self.parent {
            Some((field, id)) if field == name => {
                self.fields.optional::<()>(name, |at| {
                    at.refuse_with(
                        "must-be-null",
                        "value must be null",
                        "the parent it is nested in is meant",
                    )
                });
                Some(id)
            }
            _ => self.fields.optional(name, |at| reference(at, name, collection)),
        }
    }

    /// A reference that must be there.
    pub(super) fn reference(&mut self, name: &'static str, collection: Collection) -> Option<Located<Uuid>> {
        match self.parent {
            Some((field, _)) if field == name => self.optional_reference(name, collection),
            _ => self.fields.required(name, |at| reference(at, name, collection)),
        }
    }

    /// Labels: Kong's `tags`.
    pub(super) fn tags(&mut self) -> Vec<String> {
        self.fields.or("tags", Vec::new(), name::tags)
    }
}

/// An id or endpoint key, as text or as `{id: …}` or `{name: …}`.
fn reference(at: At<'_>, field: &str, collection: Collection) -> Option<Located<Uuid>> {
    let (text, shown) = match &at.node.value {
        Value::Text(text) => (&**text, text.to_string()),
        Value::Map(pairs) => {
            let key = collection.endpoint_key().unwrap_or("id");
            let [(name, node)] = pairs.as_slice() else {
                return at.refuse("wrong-type", format!("expected one field, 'id' or '{key}'"));
            };
            if *name.text != *"id" && *name.text != *key {
                return at.refuse("unknown-field", format!("expected one field, 'id' or '{key}'"));
            }
            let trail = Trail::Key(at.trail, &name.text);
            let text = rule::text(At {
                node,
                trail: &trail,
                ..at
            })?;
            let shown = format!("{{\"{}\":\"{text}\"}}", name.text);
            return resolve(at, &text, &shown, field, collection);
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
            return at.refuse("wrong-type", "expected a string");
        }
    };
    resolve(at, text, &shown, field, collection)
}

fn resolve(
    at: At<'_>,
    text: &str,
    shown: &str,
    field: &str,
    collection: Collection,
) -> Option<Located<Uuid>> {
    if let Some(id) = at.context.entries.find(collection, text) {
        return Some(at.located(id));
    }
    let message = format!(
        "invalid reference '{field}: {shown}' (no such entry in '{}')",
        collection.name()
    );
    if text.starts_with("-----BEGIN") {
        return at.refuse_with(
            "invalid-reference",
            message,
            "PEM as a reference is decK's form: write the id",
        );
    }
    at.refuse("invalid-reference", message)
}

/// An id that Kong resolves by id only, such as those in `ca_certificates`.
pub(super) fn id_of(collection: Collection, field: &'static str) -> impl Fn(At<'_>) -> Option<Located<Uuid>> {
    move |at| {
        let id = rule::uuid(at)?;
        if at.context.entries.has(collection, id) {
            Some(at.located(id))
        } else {
            at.refuse(
                "invalid-reference",
                format!(
                    "invalid reference '{field}: {id}' (no such entry in '{}')",
                    collection.name()
                ),
            )
        }
    }
}
