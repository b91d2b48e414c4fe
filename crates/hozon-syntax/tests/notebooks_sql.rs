//! SQL in cells: the variables and tables that it reads, and the tables that it makes.

mod notebooks;

use hozon_syntax::{Cell, GraphFault};
use notebooks::{code, jupyter, marimo, reads};

/// A marimo cell with one query.
fn query(sql: &str) -> Cell {
    marimo(&[&format!("_ = mo.sql({sql:?})")]).cells.remove(0)
}

#[track_caller]
fn tables(sql: &str, read: &str, made: &str) {
    let cell = query(sql);
    assert_eq!(
        (cell.tables_read.join(" ").as_str(), cell.tables_made.join(" ").as_str()),
        (read, made),
        "{sql}"
    );
}

#[test]
fn tables_that_are_read() {
    tables("select * from a", "a", "");
    tables("select * from A, b as c join d on d.x = b.y", "a b d", "");
    tables("from a select x", "a", "");
    tables("select * from (select * from a) s, b", "a b", "");
    tables("select * from ((select * from a)) s, b", "a b", "");
    tables("select * from (a join b on true)", "a b", "");
    tables("select (select max(x) from b) from a", "a b", "");
    tables("select * from s.t join \"Quoted T\" q using (id)", "quoted t s.t", "");
    tables("select * from a union all select * from b", "a b", "");
    tables("select * from a cross join b natural join c left outer join d on true", "a b c d", "");
    tables("select * from range(10) t(i), a", "a", "");
    tables("select * from a, lateral (select * from b) c", "a b", "");
    tables("select * from a tablesample 10%", "a", "");
    tables("table a", "a", "");
    tables("describe a; summarize b", "a b", "");
    tables("pivot a on year using sum(x)", "a", "");
    tables("unpivot a on x, y into name n value v", "a", "");
    tables("select * from a pivot (sum(x) for y in (1, 2))", "a", "");
}

#[test]
fn from_does_not_always_stand_before_a_table() {
    tables("select extract(year from ts), substring(x from 1 for 2) from a", "a", "");
    tables("select trim(both ' ' from x), y is distinct from z from a", "a", "");
    tables("-- from b\nselect /* from c */ 'from d', $$from e$$ from a", "a", "");
    tables("select * from 'file.csv', \"x.parquet\", read_csv('y.csv')", "", "");
}

#[test]
fn common_table_expressions_are_no_tables() {
    tables(
        "with a as (select * from x), b(q) as materialized (select * from a) select * from b, c",
        "c x",
        "",
    );
    tables("with recursive r as (select 1 union all select * from r) select * from r", "", "");
}

#[test]
fn tables_that_are_made() {
    tables("create table t as select * from a", "a", "t");
    tables("create or replace temp table a.b.C (x int)", "", "a.b.c");
    tables("create view if not exists v as from a", "a", "v");
    tables("create schema s", "", "s.*");
    tables("attach 'dir/foo.db' as bar", "", "bar.*");
    tables("attach if not exists 'dir/foo.db'", "", "foo.*");
    tables("create table t as from a; select * from t", "a", "t");
}

#[test]
fn tables_that_are_changed() {
    for sql in [
        "insert into t select * from u",
        "insert into t (a, b) values (1, 2)",
        "update t set x = 1",
        "delete from t",
        "drop table if exists t",
        "copy t to 'x.csv'",
        "truncate t",
        "create table t (x int)",
    ] {
        assert_eq!(query(sql).live.as_deref(), Some("may change a database"), "{sql}");
    }
    for sql in ["select * from t", "from t", "(select 1)", "explain select 1", "with a as (select 1) from a"]
    {
        assert_eq!(query(sql).live, None, "{sql}");
    }
    tables("delete from t using u where t.x = u.x", "t u", "");
    tables("insert into t (a) select a from u", "t u", "");
}

#[test]
fn a_query_reads_the_variables_that_its_tables_are() {
    let notebook = marimo(&[
        "frame = f()",
        "out = mo.sql(f\"\"\"\nSELECT * FROM frame WHERE x > {limit}\n\"\"\")",
        "limit = 1",
    ]);
    assert_eq!(reads(&notebook.cells[1]), "frame limit mo");
    assert_eq!(notebook.graph().order, [0, 2, 1]);
    let written = marimo(&["mo.sql('select * from MyFrame')"]);
    assert_eq!(reads(&written.cells[0]), "MyFrame mo myframe");
    assert_eq!(reads(&marimo(&["mo.sql('select * from s.t')"]).cells[0]), "mo");
    let own =
        marimo(&["frame = f()\nduckdb.sql('from frame')", "def g(frame): return duckdb.sql('from frame')"]);
    assert_eq!((reads(&own.cells[0]), reads(&own.cells[1])), ("duckdb f".to_owned(), "duckdb".to_owned()));
}

#[test]
fn what_is_put_into_a_query_may_be_any_table() {
    let dynamic = |text: &str| code(&marimo(&[text]).cells[0]).uses_dynamic_names;
    assert!(dynamic("mo.sql(f'select * from {table}')"));
    assert!(dynamic("mo.sql(f'select * from part_{number}')"));
    assert!(dynamic("mo.sql(text)"));
    assert!(!dynamic("mo.sql(f'select {column} from t where x = {y}')"));
    assert!(!dynamic("mo.sql(f\"select * from {'t'}\")"));
    assert!(!dynamic("other.sql(text)"));
    for text in ["mo.sql(text)", "duckdb.execute(f'{text} from t')"] {
        assert!(marimo(&[text]).cells[0].live.is_some(), "{text}");
    }
}

#[test]
fn a_table_has_one_cell_in_marimo_and_its_readers_run_after_it() {
    let notebook = marimo(&[
        "mo.sql('from t')",
        "mo.sql('create table t (x int)')",
        "mo.sql('from s.u')",
        "mo.sql('create table s.u (x int)')",
        "mo.sql('create schema s')",
        "mo.sql('from r.u')",
    ]);
    let graph = notebook.graph();
    assert!(graph.faults.is_empty());
    let place = |cell: usize| graph.order.iter().position(|it| *it == cell).expect("it runs");
    assert!(place(0) > place(1) && place(2) > place(3) && place(3) > place(4));
    assert_eq!(
        notebook.cells[0].live.as_deref(),
        Some("reads a table that another cell makes in a database")
    );
    assert_eq!(notebook.cells[5].live, None);
    let twice = marimo(&["mo.sql('create table t (x int)')", "mo.sql('create table T (x int)')"]);
    let expected = GraphFault::DefinedTwice { name: "t".to_owned(), cells: vec![0, 1] };
    assert_eq!(twice.graph().faults, std::slice::from_ref(&expected));
    assert_eq!(marimo(&["t = 1", "mo.sql('create table t (x int)')"]).graph().faults, [expected]);
    assert!(
        marimo(&["mo.sql('create table a.t (x int)')", "mo.sql('create table b.t (x int)')"])
            .graph()
            .faults
            .is_empty()
    );
}

#[test]
fn outside_of_marimo_every_connection_counts() {
    let notebook = jupyter(&[
        "con.execute('create table t as from frame')",
        "con.sql('select * from t').df()",
        "frame.query('a > 1')",
    ]);
    assert_eq!(reads(&notebook.cells[0]), "con frame");
    assert_eq!(notebook.cells[0].tables_made, ["t"]);
    assert!(notebook.cells[0].live.is_some() && notebook.cells[1].live.is_some());
    assert_eq!((notebook.cells[2].live.as_deref(), reads(&notebook.cells[2]).as_str()), (None, "frame"));
    let in_marimo = marimo(&["con.execute('create table t as from frame')"]);
    assert_eq!((reads(&in_marimo.cells[0]).as_str(), in_marimo.cells[0].tables_made.len()), ("con", 0));
    assert!(in_marimo.cells[0].live.is_some());
}
