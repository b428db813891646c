//! What clients and upstreams see of the gateway, and how much it takes from them.

use transport::layers::quoted;

use super::build::Build;
use super::{HeaderLimits, Plugins, ResponseHeaders, UpstreamHeaders, size};

impl Build<'_> {
    /// `headers`: tokens in any case; `off` alone is none.
    pub(super) fn response_headers(&mut self, tokens: &[String]) -> ResponseHeaders {
        let mut headers = ResponseHeaders {
            via: false,
            proxy_latency: false,
            upstream_latency: false,
            response_latency: false,
            upstream_status: false,
            request_id: false,
        };
        for (index, token) in without_off(tokens).iter().enumerate() {
            match token.to_ascii_lowercase().as_str() {
                "server_tokens" | "via" => headers.via = true,
                "latency_tokens" => {
                    headers.proxy_latency = true;
                    headers.upstream_latency = true;
                    headers.response_latency = true;
                }
                "x-kong-proxy-latency" => headers.proxy_latency = true,
                "x-kong-upstream-latency" => headers.upstream_latency = true,
                "x-kong-response-latency" => headers.response_latency = true,
                "x-kong-upstream-status" => headers.upstream_status = true,
                "x-kong-request-id" => headers.request_id = true,
                // There is no Server header of ours and no Admin API, so these switch nothing.
                "server" | "x-kong-admin-latency" => {}
                _ => {
                    let message = format!(
                        "`headers`: {} is no header that this gateway sends",
                        quoted(token)
                    );
                    self.error("bad-value", &format!("headers[{index}]"), message);
                }
            }
        }
        headers
    }

    /// `headers_upstream`: one token, or `off`.
    pub(super) fn upstream_headers(&mut self, tokens: &[String]) -> UpstreamHeaders {
        let mut headers = UpstreamHeaders { request_id: false };
        for (index, token) in without_off(tokens).iter().enumerate() {
            if token.eq_ignore_ascii_case("x-kong-request-id") {
                headers.request_id = true;
            } else {
                let message = format!(
                    "`headers_upstream`: {} is none of X-Kong-Request-Id, off",
                    quoted(token)
                );
                self.error("bad-value", &format!("headers_upstream[{index}]"), message);
            }
        }
        headers
    }

    /// `plugins`: `bundled`, names, or `off`. Whether a name is known is for whoever knows the plugins.
    pub(super) fn plugins(&mut self, entries: &[String]) -> Plugins {
        let names = self.each("plugins", without_off(entries), |entry| {
            let is_name = entry
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if is_name {
                Ok(entry.to_owned())
            } else {
                Err(format!("{} is no plugin's name", quoted(entry)))
            }
        });
        let (bundled, names): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| name == "bundled");
        Plugins {
            bundled: !bundled.is_empty(),
            names,
        }
    }

    pub(super) fn header_limits(&mut self, text: &str) -> HeaderLimits {
        size::header_limits(text).unwrap_or_else(|| {
            let key = "nginx_http_large_client_header_buffers";
            let message = format!(
                "`{key}`: {} is no number and size, such as 4 16k, of at least 1k a line and at most 16m in all",
                quoted(text)
            );
            self.error("bad-value", key, message);
            HeaderLimits { line: 16 * 1024, total: 64 * 1024 }
        })
    }

    /// Bytes; 0 is no limit.
    pub(super) fn body_size(&mut self, text: &str) -> Option<u64> {
        let size = size::bytes(text);
        if size.is_none() {
            let key = "nginx_http_client_max_body_size";
            self.error(
                "bad-value",
                key,
                format!("`{key}`: {} is no size, such as 10m", quoted(text)),
            );
        }
        size.filter(|size| *size != 0)
    }
}

/// The entries, unless `off` is the only one.
fn without_off(entries: &[String]) -> &[String] {
    match entries {
        [only] if only.eq_ignore_ascii_case("off") => &[],
        entries => entries,
    }
}
