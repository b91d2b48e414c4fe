//! Which path means what.

use hozon_format::Digest;
use hozon_tier::{Kind, ObjectName, PREFIX};

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v1/KIND/ab/cdef…`
    Object(ObjectName),
    /// `/v1/KIND?after=DIGEST`
    Listing(Kind, Option<Digest>),
    /// `/metrics`
    Metrics,
}

impl Route {
    /// Reads a path and its query. Nothing in a path is decoded: our own names have nothing to decode.
    pub(crate) fn of(path: &str, query: Option<&str>) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if let Some(kind) =
            path.strip_prefix(PREFIX).and_then(|kind| Kind::of_folder(kind.strip_prefix('/')?))
        {
            let after = query.map(|query| query.strip_prefix("after=")?.parse().ok());
            return match after {
                Some(None) => None,
                after => Some(Self::Listing(kind, after.flatten())),
            };
        }
        match (path, query) {
            ("metrics", None) => Some(Self::Metrics),
            (path, None) => path.parse().ok().map(Self::Object),
            _ => None,
        }
    }
}

/// One path for every route: what the test of the guard tries. A route that is missing here does not
/// compile.
#[cfg(test)]
pub(crate) fn examples() -> Vec<String> {
    let digest = Digest::of(b"hozon");
    let object = |kind: Kind| {
        let hex = digest.to_string();
        ObjectName::of_parts(kind, &hex[..2], &hex[2..]).unwrap()
    };
    let mut routes: Vec<Route> = Kind::ALL.map(object).map(Route::Object).to_vec();
    routes.extend(Kind::ALL.map(|kind| Route::Listing(kind, None)));
    routes.extend(Kind::ALL.map(|kind| Route::Listing(kind, Some(digest))));
    routes.push(Route::Metrics);
    let path = |route: &Route| match route {
        Route::Object(name) => format!("/{name}"),
        Route::Listing(kind, None) => format!("/{PREFIX}/{}", kind.folder()),
        Route::Listing(kind, Some(after)) => format!("/{PREFIX}/{}?after={after}", kind.folder()),
        Route::Metrics => "/metrics".to_owned(),
    };
    let paths: Vec<String> = routes.iter().map(path).collect();
    for (path, route) in paths.iter().zip(routes) {
        let (path, query) = path.split_once('?').map_or((&**path, None), |(path, query)| (path, Some(query)));
        assert_eq!(Route::of(path, query), Some(route));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_one_path_and_nothing_else_is_one() {
        let good = examples();
        let object = &good[0];
        let wrong = [
            "/".to_owned(),
            String::new(),
            "/v1".to_owned(),
            "/v1/".to_owned(),
            "/v1/entries/".to_owned(),
            "/v1/roots".to_owned(),
            "/v2/entries".to_owned(),
            "//metrics".to_owned(),
            "/metrics/".to_owned(),
            "/v1/entries/../../etc/passwd".to_owned(),
            "/v1/entries/%2e%2e/x".to_owned(),
            object.replace("/v1", "/v1/."),
            format!("{object}/"),
            object.to_uppercase(),
            object.replacen('/', "", 1),
        ];
        for path in wrong {
            assert_eq!(Route::of(&path, None), None, "{path}");
        }
        assert_eq!(Route::of("/v1/entries", Some("after=../..")), None);
        assert_eq!(Route::of("/v1/entries", Some("")), None);
        assert_eq!(Route::of("/metrics", Some("x")), None);
    }
}
