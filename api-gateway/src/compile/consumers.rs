//! Consumers with their groups, and the indexes by which they are found.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderValue;
use transport::finding::Finding;
use uuid::Uuid;

use super::Compilation;
use crate::consumer::{Consumer, Consumers, Name};
use crate::document;
use crate::plugin::acl;

pub(super) fn compile(compilation: &Compilation<'_>) -> Consumers {
    let document = compilation.document;
    let mut groups: HashMap<Uuid, Vec<&str>> = HashMap::with_capacity(document.consumers.len());
    for acl in &document.acls {
        groups.entry(acl.consumer).or_default().push(&acl.group);
    }
    let names: HashMap<Uuid, &str> = document
        .consumer_groups
        .iter()
        .map(|group| (group.id, group.name.as_str()))
        .collect();
    let mut memberships: HashMap<Uuid, Vec<&str>> = HashMap::new();
    for membership in &document.consumer_group_consumers {
        if let Some(name) = names.get(&membership.consumer_group) {
            memberships.entry(membership.consumer).or_default().push(name);
        }
    }
    let mut lists = GroupLists::default();
    let mut consumers = Consumers::with_capacity(document.consumers.len());
    for consumer in &document.consumers {
        let groups = lists.shared(groups.remove(&consumer.id).unwrap_or_default());
        let consumer_groups = lists.shared(memberships.remove(&consumer.id).unwrap_or_default());
        consumers.add(Consumer {
            id: consumer.id,
            id_header: HeaderValue::try_from(consumer.id.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("")),
            username: name(compilation, consumer, "username", consumer.username.as_deref()),
            custom_id: name(compilation, consumer, "custom_id", consumer.custom_id.as_deref()),
            groups_header: groups
                .header
                .unwrap_or_else(|| unsendable_groups(compilation, consumer)),
            groups: groups.names,
            consumer_groups: consumer_groups.names,
        });
    }
    consumers
}

/// Lists of groups, each once: there are many consumers, and few different lists.
#[derive(Default)]
struct GroupLists<'d>(HashMap<Vec<&'d str>, GroupList>);

#[derive(Clone)]
struct GroupList {
    names: Arc<[Box<str>]>,
    /// `None` where no header can tell them.
    header: Option<HeaderValue>,
}

impl<'d> GroupLists<'d> {
    fn shared(&mut self, groups: Vec<&'d str>) -> GroupList {
        let new = |groups: &Vec<&str>| GroupList {
            names: groups.iter().map(|group| Box::from(*group)).collect(),
            header: acl::joined(groups.iter().copied()),
        };
        self.0.entry(groups).or_insert_with_key(new).clone()
    }
}

/// A name goes upstream as a header; one that no header can carry would be lost there, so it is refused here.
fn name(
    compilation: &Compilation<'_>,
    consumer: &document::Consumer,
    field: &str,
    text: Option<&str>,
) -> Option<Name> {
    let text = text?;
    let name = Name::new(text);
    if name.is_none() {
        let message =
            format!("the {field} of this consumer holds a control character and cannot be sent in a header");
        compilation.report(Finding::error(
            "bad-value",
            compilation.at(consumer.place),
            format!("consumers.{field}"),
            message,
        ));
    }
    name
}

fn unsendable_groups(compilation: &Compilation<'_>, consumer: &document::Consumer) -> HeaderValue {
    let message = "a group of this consumer holds a control character and cannot be sent in a header";
    compilation.report(Finding::error(
        "bad-value",
        compilation.at(consumer.place),
        "acls.group",
        message,
    ));
    HeaderValue::from_static("")
}
