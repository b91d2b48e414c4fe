//! Circles in a graph.

/// Returns the groups of nodes that lead to each other, each sorted, in the order of their first nodes.
///
/// Tarjan's algorithm with a stack of its own: a chain of cells may be as long as the notebook.
pub(super) fn circles(targets: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search::new(targets);
    for root in 0..targets.len() {
        if search.number[root] == UNSEEN {
            search.from(root);
        }
    }
    search.circles.sort_unstable();
    search.circles
}

const UNSEEN: usize = usize::MAX;

struct Search<'g> {
    targets: &'g [Vec<usize>],
    /// When each node was met.
    number: Vec<usize>,
    /// The earliest node that each one leads back to.
    low: Vec<usize>,
    /// Nodes whose group is not known yet.
    open: Vec<usize>,
    is_open: Vec<bool>,
    count: usize,
    circles: Vec<Vec<usize>>,
}

impl<'g> Search<'g> {
    fn new(targets: &'g [Vec<usize>]) -> Self {
        let size = targets.len();
        Self {
            targets,
            number: vec![UNSEEN; size],
            low: vec![UNSEEN; size],
            open: Vec::new(),
            is_open: vec![false; size],
            count: 0,
            circles: Vec::new(),
        }
    }

    fn meet(&mut self, node: usize) {
        self.number[node] = self.count;
        self.low[node] = self.count;
        self.count += 1;
        self.open.push(node);
        self.is_open[node] = true;
    }

    fn from(&mut self, root: usize) {
        self.meet(root);
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.pop() {
            match self.targets[node].get(next) {
                Some(&target) => {
                    path.push((node, next + 1));
                    if self.number[target] == UNSEEN {
                        self.meet(target);
                        path.push((target, 0));
                    } else if self.is_open[target] {
                        self.low[node] = self.low[node].min(self.number[target]);
                    }
                }
                None => {
                    if let Some(&(before, _)) = path.last() {
                        self.low[before] = self.low[before].min(self.low[node]);
                    }
                    self.leave(node);
                }
            }
        }
    }

    /// Closes the group that began at `node`, if one did.
    fn leave(&mut self, node: usize) {
        if self.low[node] != self.number[node] {
            return;
        }
        let start = self.open.iter().rposition(|open| *open == node).unwrap_or_default();
        let mut group = self.open.split_off(start);
        group.iter().for_each(|member| self.is_open[*member] = false);
        if group.len() > 1 {
            group.sort_unstable();
            self.circles.push(group);
        }
    }
}
