//! Consumers that a plugin's configuration names: `anonymous`, `default_consumer`.

use uuid::Uuid;

use crate::document::entries::Collection;
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;

/// A consumer that a configuration names by id or username.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedConsumer {
    /// What was written.
    pub text: String,
    /// Who that is: an id of [`crate::document::Document::consumers`]; `None` if there is none (Kong answers 500 then).
    pub consumer: Option<Uuid>,
}

/// `anonymous`, of every plugin that authenticates.
pub(super) fn anonymous(fields: &mut Fields<'_>) -> Option<Located<NamedConsumer>> {
    fields.optional(
        "anonymous",
        rule::located(named_consumer("a request that it is needed for is answered 500")),
    )
}

/// By id or username. `without` says what a name that is nobody's leads to.
pub(super) fn named_consumer(without: &'static str) -> impl Fn(At<'_>) -> Option<NamedConsumer> {
    move |at| {
        let text = rule::text(at)?;
        let consumer = at.context.entries.find(Collection::Consumers, &text);
        if consumer.is_none() {
            at.warn_with(
                "missing-consumer",
                format!("there is no consumer '{text}': {without}"),
                "name a consumer by its id or username, or leave it out",
            );
        }
        Some(NamedConsumer { text, consumer })
    }
}
