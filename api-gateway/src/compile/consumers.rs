//! Consumers with their groups, and the indexes by which they are found.

use std::collections::HashMap;

use http::HeaderValue;
use transport::finding::Finding;
use uuid::Uuid;

use super::Compilation;
use crate::consumer::{Consumer, Consumers, Name};
use crate::document;
use crate::plugin::acl;

pub(super) fn compile(compilation: &Compilation<'_>) -> Consumers {
    let document = compilation.document;
    let mut groups: HashMap<Uuid, Vec<Box<str>>> = HashMap::new();
    for acl in &document.acls {
        groups
            .entry(acl.consumer)
            .or_default()
            .push(acl.group.as_str().into());
    }
    let names: HashMap<Uuid, &str> = document
        .consumer_groups
        .iter()
        .map(|group| (group.id, group.name.as_str()))
        .collect();
    let mut memberships: HashMap<Uuid, Vec<Box<str>>> = HashMap::new();
    for membership in &document.consumer_group_consumers {
        if let Some(name) = names.get(&membership.consumer_group) {
            memberships
                .entry(membership.consumer)
                .or_default()
                .push((*name).into());
        }
    }
    let mut consumers = Consumers::default();
    for consumer in &document.consumers {
        let groups: Box<[Box<str>]> = groups.remove(&consumer.id).unwrap_or_default().into();
        consumers.add(Consumer {
            id: consumer.id,
            id_header: HeaderValue::try_from(consumer.id.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("")),
            username: name(compilation, consumer, "username", consumer.username.as_deref()),
            custom_id: name(compilation, consumer, "custom_id", consumer.custom_id.as_deref()),
            groups_header: groups_header(compilation, consumer, &groups),
            groups,
            consumer_groups: memberships.remove(&consumer.id).unwrap_or_default().into(),
        });
    }
    consumers
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

fn groups_header(
    compilation: &Compilation<'_>,
    consumer: &document::Consumer,
    groups: &[Box<str>],
) -> HeaderValue {
    acl::joined(groups.iter().map(AsRef::as_ref)).unwrap_or_else(|| {
        let message = "a group of this consumer holds a control character and cannot be sent in a header";
        compilation.report(Finding::error(
            "bad-value",
            compilation.at(consumer.place),
            "acls.group",
            message,
        ));
        HeaderValue::from_static("")
    })
}
