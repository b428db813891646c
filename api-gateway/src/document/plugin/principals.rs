//! `principals` (ours, not Kong's): who must have been authenticated for a request, and how they belong together.

use crate::document::fields::Fields;
use crate::document::reader::{At, Trail};
use crate::document::rule;
use crate::document::tree::{Located, Value};

/// The configuration of `principals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalsConfig {
    /// The plugins, by their names as configured, that must each have authenticated somebody; never empty, none twice.
    pub require: Vec<Located<String>>,
    /// How their consumers must belong together.
    pub same: Option<Located<Same>>,
    /// In which groups each has to be: one of a list is enough, and none is empty.
    pub allow: Vec<AllowedGroups>,
    /// Whether groups that a credential named win over the consumer's own, as in `acl`.
    pub always_use_authenticated_groups: bool,
    /// Whether the names of the consumer's `consumer_groups` count as well, as in `acl`.
    pub include_consumer_groups: bool,
    /// Whether the upstream is told who each of them is.
    pub upstream_headers: bool,
}

/// The groups of one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedGroups {
    /// The plugin that authenticates it: one of `require`.
    pub plugin: Located<String>,
    /// Members of any of these pass.
    pub groups: Vec<Located<String>>,
}

/// `same`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Same {
    /// One consumer.
    Consumer,
    /// One `custom_id`.
    CustomId,
    /// One tag that begins so, which all of their consumers have.
    Tag(String),
}

/// Nobody needs more to decide one request.
const MOST_REQUIRED: usize = 8;

const TAG: &str = "tag:";

pub(super) fn read(at: At<'_>) -> Option<PrincipalsConfig> {
    let mut fields = Fields::open(at)?;
    let require = fields.required("require", require);
    let same = fields.optional("same", rule::located(same));
    let allow = fields.or("allow", Vec::new(), allow);
    let always_use_authenticated_groups = fields.or("always_use_authenticated_groups", false, rule::boolean);
    let include_consumer_groups = fields.or("include_consumer_groups", false, rule::boolean);
    let upstream_headers = fields.or("upstream_headers", false, rule::boolean);
    let require = require?;
    if same.is_some() && require.len() < 2 {
        // Whoever writes it expects it to refuse somebody.
        fields.refuse::<()>("same", "entity-check", "'require' names nobody to compare with");
    }
    check_allowed(&fields, &require, &allow);
    fields.close();
    Some(PrincipalsConfig {
        require,
        same,
        allow,
        always_use_authenticated_groups,
        include_consumer_groups,
        upstream_headers,
    })
}

fn require(at: At<'_>) -> Option<Vec<Located<String>>> {
    let names = rule::list(rule::located(rule::text))(at)?;
    if at.node.is_empty_list() {
        return at.refuse("invalid-value", "length must be at least 1");
    }
    if names.len() > MOST_REQUIRED {
        return at.refuse("invalid-value", format!("length must be at most {MOST_REQUIRED}"));
    }
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|other| other.value == name.value) {
            return at.refuse("invalid-value", format!("'{}' is named twice", name.value));
        }
    }
    Some(names)
}

fn same(at: At<'_>) -> Option<Same> {
    let text = rule::text(at)?;
    match (text.as_str(), text.strip_prefix(TAG)) {
        ("consumer", _) => Some(Same::Consumer),
        ("custom_id", _) => Some(Same::CustomId),
        // Any tag in common, whatever it is about, is no bond.
        (_, Some("")) => at.refuse_with(
            "invalid-value",
            "there is no prefix after 'tag:'",
            "write for example \"tag:org:\"",
        ),
        (_, Some(prefix)) => Some(Same::Tag(prefix.to_owned())),
        (_, None) => at.refuse(
            "invalid-value",
            "expected one of: consumer, custom_id, tag:PREFIX",
        ),
    }
}

fn allow(at: At<'_>) -> Option<Vec<AllowedGroups>> {
    let Value::Map(pairs) = &at.node.value else {
        return at.refuse("wrong-type", "expected a map");
    };
    let mut allowed = Vec::with_capacity(pairs.len());
    for (key, node) in pairs {
        let trail = Trail::Key(at.trail, &key.text);
        let at = At {
            node,
            trail: &trail,
            ..at
        };
        if node.is_empty_list() || node.value == Value::Null {
            // Is that nobody, or everybody?
            at.refuse::<()>("invalid-value", "length must be at least 1");
            continue;
        }
        let Some(groups) = rule::list(rule::located(rule::text))(at) else {
            continue;
        };
        let plugin = Located {
            value: key.text.to_string(),
            place: key.place,
        };
        allowed.push(AllowedGroups { plugin, groups });
    }
    Some(allowed)
}

fn check_allowed(fields: &Fields<'_>, require: &[Located<String>], allow: &[AllowedGroups]) {
    for AllowedGroups { plugin, .. } in allow {
        if require.iter().any(|name| name.value == plugin.value) {
            continue;
        }
        let message = format!(
            "'{}' is not in 'require': a request without it would pass unjudged",
            plugin.value
        );
        fields.refuse_key::<()>("allow", plugin, "entity-check", message);
    }
}
