//! What in a recipe makes a computation give another result each time, as far as names tell.

use std::collections::BTreeSet;

use crate::node::{Node, NodeKind};

/// Ends of dotted names, and what they bring in.
const ENDS: [(&str, &str); 34] = [
    ("time.time", "the clock"),
    ("time.time_ns", "the clock"),
    ("time.monotonic", "the clock"),
    ("time.perf_counter", "the clock"),
    ("perf_counter", "the clock"),
    ("datetime.now", "the clock"),
    ("datetime.utcnow", "the clock"),
    ("datetime.today", "the clock"),
    ("date.today", "the clock"),
    ("Timestamp.now", "the clock"),
    ("random.random", "random numbers"),
    ("random.randint", "random numbers"),
    ("random.choice", "random numbers"),
    ("random.choices", "random numbers"),
    ("random.sample", "random numbers"),
    ("random.shuffle", "random numbers"),
    ("random.uniform", "random numbers"),
    ("random.gauss", "random numbers"),
    ("random.default_rng", "random numbers"),
    ("random.rand", "random numbers"),
    ("random.randn", "random numbers"),
    ("random.normal", "random numbers"),
    ("random.permutation", "random numbers"),
    ("default_rng", "random numbers"),
    ("torch.rand", "random numbers"),
    ("torch.randn", "random numbers"),
    ("os.urandom", "random bytes of the system"),
    ("uuid.uuid1", "random bytes of the system"),
    ("uuid.uuid4", "random bytes of the system"),
    ("uuid4", "random bytes of the system"),
    ("os.getpid", "the number of the process"),
    ("id", "addresses of objects"),
    ("hash", "hashes, which differ between processes"),
    ("urlopen", "the network"),
];

/// Packages whose use brings the network in.
const NETWORK: [&str; 6] = ["requests", "urllib", "httpx", "aiohttp", "socket", "http"];

/// Returns the likely causes of another result: names in the code, each with what it brings in, sorted.
pub fn likely_causes(recipe: &Node) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![recipe];
    while let Some(node) = waiting.pop() {
        match node.kind {
            NodeKind::Reference => found.extend(cause_of(&node.label)),
            NodeKind::RandomState => {
                found.insert(format!("random numbers (the state of {})", node.label));
            }
            _ => {}
        }
        waiting.extend(&node.children);
    }
    found.into_iter().collect()
}

fn cause_of(name: &str) -> Option<String> {
    let bare = name.strip_prefix("import ").unwrap_or(name);
    let is_end = |end: &str| bare == end || bare.strip_suffix(end).is_some_and(|start| start.ends_with('.'));
    let by_end = ENDS.iter().find(|(end, _)| is_end(end)).map(|(_, what)| *what);
    let first = bare.split('.').next().unwrap_or(bare);
    let what = by_end.or_else(|| NETWORK.contains(&first).then_some("the network"));
    let secrets = (first == "secrets" && bare != "secrets").then_some("random bytes of the system");
    what.or(secrets).map(|what| format!("{what} (`{bare}`)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_code_tell_the_cause() {
        let names = [
            "time.time",
            "np.random.rand",
            "datetime.datetime.now",
            "requests.get",
            "mytime.time",
            "identity",
        ];
        let code = names.iter().fold(Node::new(NodeKind::Computation, "f"), |code, name| {
            code.with_child(Node::new(NodeKind::Reference, *name))
        });
        let expected = [
            "random numbers (`np.random.rand`)",
            "the clock (`datetime.datetime.now`)",
            "the clock (`time.time`)",
            "the network (`requests.get`)",
        ];
        assert_eq!(likely_causes(&code), expected);
        let state = Node::new(NodeKind::RandomState, "numpy");
        assert_eq!(likely_causes(&state), ["random numbers (the state of numpy)"]);
    }
}
