//! The one guard: nothing of a request but its head is looked at before it has passed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::throttle::Throttle;
use crate::{Scope, Tokens};

/// Who may ask, and by which names.
#[derive(Debug)]
pub(crate) struct Guard {
    tokens: Tokens,
    /// The names that a request may be for; `None`: any, since it has to have a token.
    hosts: Option<Vec<String>>,
    throttle: Throttle,
}

/// A request has passed the guard. Only the guard makes one, and all that answers takes one.
#[derive(Debug)]
pub(crate) struct Admitted(());

/// A browser says by it where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    /// A server on the loopback is asked by its own names alone, so that no page can come to it by a name
    /// of its own; another is asked by any, or by `named`.
    pub(crate) fn new(tokens: Tokens, listening: SocketAddr, named: &[String]) -> Self {
        let port = listening.port();
        let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()]
            .map(|host| format!("{host}:{port}"));
        let named = named.iter().map(|host| host.to_ascii_lowercase());
        let hosts = match listening.ip().is_loopback() {
            true => Some(own.into_iter().chain([listening.to_string()]).chain(named).collect()),
            false => Some(named.collect()).filter(|named: &Vec<String>| !named.is_empty()),
        };
        Self { tokens, hosts, throttle: Throttle::default() }
    }

    /// Lets a request in, or says with which status it is refused. `now` never goes back.
    pub(crate) fn admit(&self, head: &Parts, from: IpAddr, now: Duration) -> Result<Admitted, StatusCode> {
        if !self.is_for_us(head) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        // No page ever asks this server for anything.
        let from_page = |name: &HeaderName| head.headers.contains_key(name);
        if from_page(&ORIGIN) || from_page(&FETCH_SITE) {
            return Err(StatusCode::FORBIDDEN);
        }
        let Some(scope) = token_in(&head.headers).and_then(|token| self.tokens.scope_of(token)) else {
            let throttled = self.throttle.wrong(from, now);
            return Err(if throttled { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNAUTHORIZED });
        };
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        if reads || scope == Scope::Write { Ok(Admitted(())) } else { Err(StatusCode::FORBIDDEN) }
    }

    fn is_for_us(&self, head: &Parts) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let known = |host: &str| hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        let mut named = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (named.next(), named.next()) else { return false };
        let in_target = head.uri.authority().is_none_or(|authority| known(authority.as_str()));
        in_target && host.to_str().is_ok_and(known)
    }
}

fn token_in(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (given.next()?, given.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
