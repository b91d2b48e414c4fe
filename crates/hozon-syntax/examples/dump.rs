fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let n = match hozon_syntax::read_notebook(&text, &path) { Ok(n) => n, Err(e) => { println!("{}", serde_json::json!({"path": path, "error": e.to_string()})); continue } };
        let g = n.graph();
        let cells: Vec<_> = n.cells.iter().map(|c| serde_json::json!({
            "kind": format!("{:?}", c.kind), "name": c.name, "text": c.text, "source": c.source, "first_line": c.first_line,
            "markdown": c.markdown, "disabled": c.settings.disabled, "hide_code": c.settings.hide_code,
            "error": c.code.as_ref().err().map(|e| e.to_string()), "live": c.live,
            "binds": c.code.as_ref().map(|c| c.binds.clone()).unwrap_or_default(),
            "reads": c.code.as_ref().map(|c| c.reads.iter().map(|r| r.path[0].clone()).collect::<std::collections::BTreeSet<_>>()).unwrap_or_default(),
            "deletes": c.code.as_ref().map(|c| c.deletes.clone()).unwrap_or_default(),
            "is_async": c.code.as_ref().map(|c| c.is_async).unwrap_or_default(),
        })).collect();
        let parents: Vec<_> = g.uses.iter().map(|u| u.iter().filter_map(|u| u.from).collect::<std::collections::BTreeSet<_>>()).collect();
        println!("{}", serde_json::json!({"path": path, "format": format!("{:?}", n.format), "cells": cells, "parents": parents, "order": g.order, "faults": format!("{:?}", g.faults), "options": n.options, "notes": n.notes}));
    }
}
