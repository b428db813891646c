//! Which services are one and the same place, whatever they are called.

use std::collections::HashMap;

use uuid::Uuid;

use super::Survey;
use crate::document::{self, Document};

/// Sites by the place that they lead to.
pub(super) struct Groups<'d> {
    /// Of each site, its service and the number of the group; `None`: it leads nowhere.
    of_site: Vec<Option<(&'d document::Service, usize)>>,
    /// Sites, by the number of their group.
    pub(super) sites: Vec<Vec<usize>>,
    /// `host_header` of the upstream that a service's host names.
    host_headers: HashMap<&'d str, Option<&'d str>>,
}

impl<'d> Groups<'d> {
    pub(super) fn service(&self, site: usize) -> Option<&'d document::Service> {
        self.of_site.get(site)?.map(|(service, _)| service)
    }

    pub(super) fn group(&self, site: usize) -> Option<usize> {
        self.of_site.get(site)?.map(|(_, group)| group)
    }

    /// Whether two sites' requests get there under the same name, so that one server there answers both. `host` is
    /// what the client says.
    pub(super) fn same_server(&self, survey: &Survey<'_>, one: (usize, &str), other: (usize, &str)) -> bool {
        let (Some(first), Some(second)) = (self.service(one.0), self.service(other.0)) else {
            return false;
        };
        first.id == second.id || self.host_sent(survey, first, one) == self.host_sent(survey, second, other)
    }

    /// `None`: the name of the target.
    fn host_sent(
        &self,
        survey: &Survey<'_>,
        service: &document::Service,
        (site, host): (usize, &str),
    ) -> Option<String> {
        if survey
            .sites
            .get(site)
            .is_some_and(|site| site.route.preserve_host)
        {
            return Some(host.to_ascii_lowercase());
        }
        let header = self.host_headers.get(service.host.value.as_str());
        header.copied().flatten().map(str::to_ascii_lowercase)
    }
}

/// Services are in one group if they share a server.
pub(super) fn groups<'d>(survey: &Survey<'d>) -> Groups<'d> {
    let document = survey.compilation.document;
    let of_service = places(document);
    let services: HashMap<Uuid, &document::Service> = document
        .services
        .iter()
        .map(|service| (service.id, service))
        .collect();
    let of_site: Vec<Option<(&document::Service, usize)>> = survey
        .sites
        .iter()
        .map(|site| {
            let id = site.route.service?;
            Some((*services.get(&id)?, *of_service.get(&id)?))
        })
        .collect();
    let number = of_service.values().max().map_or(0, |last| last + 1);
    let mut sites = vec![Vec::new(); number];
    for (site, known) in of_site.iter().enumerate() {
        if let Some(group) = known.and_then(|(_, group)| sites.get_mut(group)) {
            group.push(site);
        }
    }
    let upstreams = document.upstreams.iter();
    let header =
        |upstream: &'d document::Upstream| upstream.host_header.as_ref().map(|text| text.value.as_str());
    Groups {
        of_site,
        sites,
        host_headers: upstreams
            .map(|upstream| (upstream.name.as_str(), header(upstream)))
            .collect(),
    }
}

/// The number of the group that each service belongs to.
fn places(document: &Document) -> HashMap<Uuid, usize> {
    let mut targets: HashMap<Uuid, Vec<(&str, u16)>> = HashMap::new();
    for target in document.targets.iter().filter(|target| target.weight > 0) {
        targets
            .entry(target.upstream)
            .or_default()
            .push((&target.host.value, target.port));
    }
    let none = Vec::new();
    let behind: HashMap<&str, &Vec<(&str, u16)>> = document
        .upstreams
        .iter()
        .map(|upstream| (upstream.name.as_str(), targets.get(&upstream.id).unwrap_or(&none)))
        .collect();
    let mut owners: HashMap<(String, u16), usize> = HashMap::new();
    let mut sets = Sets((0..document.services.len()).collect());
    for (position, service) in document.services.iter().enumerate() {
        let own = [(service.host.value.as_str(), service.port)];
        let servers: &[(&str, u16)] = match behind.get(service.host.value.as_str()) {
            Some(targets) => targets,
            None => &own,
        };
        for (host, port) in servers {
            match owners.entry((host.to_ascii_lowercase(), *port)) {
                std::collections::hash_map::Entry::Occupied(owner) => sets.join(*owner.get(), position),
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(position);
                }
            }
        }
    }
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    let services = document.services.iter().enumerate();
    services
        .map(|(position, service)| {
            let next = numbers.len();
            let number = *numbers.entry(sets.first(position)).or_insert(next);
            (service.id, number)
        })
        .collect()
}

/// Sets that are joined: each member points towards the first one of its set.
struct Sets(Vec<usize>);

impl Sets {
    fn first(&mut self, mut member: usize) -> usize {
        while let Some(next) = self.0.get(member).copied().filter(|next| *next != member) {
            // Half of the way is cut off each time.
            if let Some(after) = self.0.get(next).copied()
                && let Some(own) = self.0.get_mut(member)
            {
                *own = after;
            }
            member = next;
        }
        member
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(first) = self.0.get_mut(one.max(other)) {
            *first = one.min(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_has_one_first_member() {
        let mut sets = Sets((0..6).collect());
        sets.join(1, 2);
        sets.join(4, 5);
        sets.join(2, 5);
        let firsts: Vec<usize> = (0..6).map(|member| sets.first(member)).collect();
        assert_eq!(firsts, [0, 1, 1, 3, 1, 1]);
    }
}
