//! A notebook with every kind of output, as a person might have it.

use hozon_cli::{Report, ReportCell, ReportKind, Status};
use serde_json::{Value, json};

use crate::kinds::{base64, code, display, explained, markdown, numbered, ran, restored, stream};

pub(crate) fn report() -> Report {
    let cells = [opening(), tables(), pictures(), formulas(), plots(), texts(), troubles(), ending()];
    Report {
        title: "Orders by region".to_owned(),
        file: "analysis/orders.ipynb".to_owned(),
        made: "2026-11-25 08:14".to_owned(),
        seconds: 4.83,
        seconds_saved: 312.4,
        kernel_started: true,
        cells: numbered(cells.concat()),
        notes: vec!["Cell 8 used the network: what it fetched may be another next time.".to_owned()],
    }
}

fn opening() -> Vec<ReportCell> {
    let words = "# What the regions order\n\nOrders of 60 days, from `data/orders.csv`, smoothed over a week:\n\n\
        $$\\bar{x}_t = \\frac{1}{7} \\sum_{i=0}^{6} x_{t-i}$$\n\n\
        - [x] both regions, with $n = 60$ days each\n- [ ] holidays\n\n\
        | region | open since | shops |\n|:-------|:----------:|------:|\n| north  |    2019    |    14 |\n| south  |    2021    |     9 |\n\n\
        > Figures before 2021 are estimates; see [the notes](https://example.org/notes).\n\n\
        ![How the days lie](attachment:photo.jpeg)\n";
    let photo = base64(include_bytes!("files/photo.jpeg"));
    let attachments = Some(json!({ "photo.jpeg": { "image/jpeg": photo } }));
    let load = "import numpy as np\nimport pandas as pd\n\nfrom shop import Region, clean\n\n\
        WINDOW = 7  # days\n\n\n@timed(\"load\")\ndef load(path: str, *, limit: float = 0.5) -> pd.DataFrame:\n    \
        \"\"\"Orders, one row a day.\"\"\"\n    rows = pd.read_csv(path, parse_dates=[\"day\"])\n    \
        return clean(rows[rows.orders > limit])\n";
    vec![
        ReportCell { attachments, ..markdown(words) },
        explained(code(restored(0.41), load, vec![]), "setup", &[]),
        explained(
            code(
                restored(251.0),
                "orders = load(\"data/orders.csv\")\nprint(f\"{len(orders)} rows from {orders.region.nunique()} regions\")",
                vec![stream("stdout", "120 rows from 2 regions\n")],
            ),
            "orders",
            &["data/orders.csv is the same as then"],
        ),
    ]
}

fn tables() -> Vec<ReportCell> {
    vec![
        markdown("## Tables\n\nA frame, and one that brings its own style along."),
        explained(
            code(restored(12.2), "orders.groupby(\"region\").agg([\"mean\", \"max\"])", vec![frame()]),
            "by_region",
            &[],
        ),
        explained(
            code(ran(0.038), "orders.style.background_gradient()", vec![styled()]),
            "coloured",
            &["WINDOW: 5 → 7", "clean() changed (shop.py:12)"],
        ),
        code(ran(0.002), "wide", vec![display(json!({ "text/html": wide_table(), "text/plain": "wide" }))]),
    ]
}

/// As pandas writes a frame.
fn frame() -> Value {
    let html = "<div>\n<style scoped>\n    .dataframe tbody tr th:only-of-type {\n        vertical-align: middle;\n    }\n\n    .dataframe thead th {\n        text-align: right;\n    }\n</style>\n\
        <table border=\"1\" class=\"dataframe\">\n  <thead>\n    <tr style=\"text-align: right;\">\n      <th></th>\n      <th>mean</th>\n      <th>max</th>\n      <th>first day</th>\n    </tr>\n  </thead>\n  <tbody>\n    \
        <tr>\n      <th>north</th>\n      <td>8.91</td>\n      <td>17.6</td>\n      <td>2026-09-01</td>\n    </tr>\n    \
        <tr>\n      <th>south</th>\n      <td>10.74</td>\n      <td>21.4</td>\n      <td>2026-09-01</td>\n    </tr>\n  </tbody>\n</table>\n<p>2 rows × 3 columns</p>\n</div>";
    json!({
        "output_type": "execute_result", "execution_count": 4, "metadata": {},
        "data": { "text/html": html, "text/plain": ["        mean   max  first day\n", "north   8.91  17.6 2026-09-01\n", "south  10.74  21.4 2026-09-01"] },
    })
}

/// As pandas writes a styled frame.
fn styled() -> Value {
    let html = "<style type=\"text/css\">\n#T_1 .warm { background-color: #fdd49e; color: #000; }\n#T_1 .hot { background-color: #d7301f; color: #f1f1f1; }\n</style>\n\
        <table id=\"T_1\"><thead><tr><th>&nbsp;</th><th>north</th><th>south</th></tr></thead><tbody>\
        <tr><th>mean</th><td class=\"warm\">8.91</td><td class=\"warm\">10.74</td></tr>\
        <tr><th>max</th><td class=\"hot\">17.60</td><td class=\"hot\">21.40</td></tr></tbody></table>";
    display(json!({ "text/html": html, "text/plain": "<Styler>" }))
}

fn wide_table() -> String {
    let cells = |tag: &str, row: usize| -> String {
        (1..=24)
            .map(|day| format!("<{tag}>{}</{tag}>", if row == 0 { day } else { day * row * 37 % 101 }))
            .collect()
    };
    let rows: String = (1..=3).map(|row| format!("<tr>{}</tr>", cells("td", row))).collect();
    format!(
        "<table class=\"dataframe\"><thead><tr>{}</tr></thead><tbody>{rows}</tbody></table>",
        cells("th", 0)
    )
}

fn pictures() -> Vec<ReportCell> {
    let plot = base64(include_bytes!("files/plot.png"));
    let drawing = "<svg viewBox=\"0 0 240 60\" width=\"240\" height=\"60\"><g fill=\"#3b7dd8\">\
        <rect x=\"4\" y=\"24\" width=\"36\" height=\"32\"/><rect x=\"54\" y=\"8\" width=\"36\" height=\"48\"/>\
        <rect x=\"104\" y=\"34\" width=\"36\" height=\"22\"/><rect x=\"154\" y=\"16\" width=\"36\" height=\"40\"/></g></svg>";
    vec![
        markdown("## Pictures"),
        explained(
            code(
                Status::Live { seconds: 1.31, why: "it holds a connection".to_owned() },
                "%matplotlib inline\nsession = connect(\"https://shop.example\")\nax = orders.plot(x=\"day\", y=\"orders\")\nax.set_ylabel(\"orders\")",
                vec![
                    json!({ "output_type": "execute_result", "data": { "text/plain": "Text(0, 0.5, 'orders')" }, "metadata": {}, "execution_count": 7 }),
                    json!({ "output_type": "display_data", "metadata": { "image/png": { "width": 576, "height": 288 } },
                        "data": { "image/png": plot, "text/plain": "<Figure size 640x480 with 1 Axes>" } }),
                ],
            ),
            "plot",
            &["first run"],
        ),
        code(
            ran(0.2),
            "display(bars, photo, steps)",
            vec![
                display(json!({ "image/svg+xml": drawing, "text/plain": "Bars" })),
                display(
                    json!({ "image/jpeg": base64(include_bytes!("files/photo.jpeg")), "text/plain": "Photo" }),
                ),
                display(
                    json!({ "image/gif": base64(include_bytes!("files/steps.gif")), "text/plain": "Steps" }),
                ),
                display(json!({ "application/pdf": base64(include_bytes!("files/page.pdf")) })),
            ],
        ),
    ]
}

fn formulas() -> Vec<ReportCell> {
    let bundle = json!({
        "region": "north", "open": true, "head": null, "shops": [14, 9, { "planned": 3 }], "share": 0.4534,
    });
    vec![
        markdown("## Formulas, words and data"),
        code(
            restored(0.9),
            "display(Math(formula), Markdown(words), JSON(settings))",
            vec![
                display(
                    json!({ "text/latex": "$\\displaystyle \\int_{-\\infty}^{\\infty} e^{-x^2}\\,dx = \\sqrt{\\pi}$", "text/plain": "√π" }),
                ),
                display(
                    json!({ "text/markdown": "South **overtakes** north on day *48*.\n\n1. first\n2. second" }),
                ),
                display(json!({ "application/json": bundle, "text/plain": "<JSON>" })),
            ],
        ),
    ]
}

fn plots() -> Vec<ReportCell> {
    let drawn = "<h4>Bars of each region</h4><div id=\"plot\"></div><script>\nconst svg = '<svg viewBox=\"0 0 400 120\" width=\"100%\" role=\"img\"><polyline fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"2\" points=\"'\n  \
        + Array.from({ length: 80 }, (_, i) => `${i * 5},${60 - 40 * Math.sin(i / 8)}`).join(' ') + '\"/></svg>';\n\
        document.getElementById('plot').innerHTML = svg + '<p>drawn by its script</p>';\n</script>";
    let plotly =
        json!({ "data": [{ "type": "bar", "x": ["north", "south"], "y": [8.91, 10.74] }], "layout": {} });
    let altair =
        json!({ "mark": "bar", "encoding": { "x": { "field": "region" }, "y": { "field": "orders" } } });
    vec![
        markdown("## Plots of other libraries"),
        code(
            ran(0.6),
            "figure.show()",
            vec![
                display(json!({ "text/html": drawn, "text/plain": "Figure" })),
                display(json!({ "application/vnd.plotly.v1+json": plotly,
                    "text/html": "<script src=\"https://cdn.plot.ly/plotly-3.0.0.min.js\"></script><div id=\"p\"></div>" })),
                display(json!({ "application/vnd.vegalite.v5+json": altair, "text/plain": "alt.Chart(...)",
                    "text/html": "<script>load('https://cdn.jsdelivr.net/npm/vega@5')</script>" })),
                display(
                    json!({ "image/png": base64(include_bytes!("files/plot.png")), "text/plain": "alt.Chart(...)",
                    "text/html": "<script src=\"https://cdn.jsdelivr.net/npm/vega@5\"></script>" }),
                ),
                display(
                    json!({ "text/html": "<p>Words of a widget</p><script src=\"https://unpkg.com/widget\"></script>" }),
                ),
                display(json!({ "application/x-unheard-of": "x" })),
            ],
        ),
    ]
}

fn texts() -> Vec<ReportCell> {
    let long: String =
        (1..=5000).map(|epoch| format!("epoch {epoch:>4}  loss {:.4}\n", 9.0 / f64::from(epoch))).collect();
    vec![
        markdown("## Text"),
        explained(
            code(
                ran(2.2),
                "!pip list | head -2\nfit(orders)",
                vec![
                    stream(
                        "stderr",
                        "\r  0%|          | 0/5\r 60%|██████    | 3/5\r100%|██████████| 5/5 [00:02<00:00]\n",
                    ),
                    stream(
                        "stdout",
                        "\u{1b}[1;32m✓\u{1b}[0m fitted \u{1b}[36mnorth\u{1b}[0m and \u{1b}[38;5;208msouth\u{1b}[0m \u{1b}[7m inverse \u{1b}[0m \u{1b}[41;97m red \u{1b}[0m\n",
                    ),
                    stream("stdout", &long),
                ],
            ),
            "fit_with_a_name_that_is_far_too_long_for_the_bar_of_a_cell_on_a_phone",
            &["orders changed, as WINDOW: 5 → 7"],
        ),
        ReportCell {
            hide_code: true,
            ..code(restored(3.0), "print(secret := 42)", vec![stream("stdout", "42\n")])
        },
        ReportCell {
            kind: ReportKind::Raw,
            code: "Text that is neither code\n  nor Markdown.".to_owned(),
            ..ReportCell::default()
        },
    ]
}

fn troubles() -> Vec<ReportCell> {
    let traceback = [
        "\u{1b}[31m---------------------------------------------------------------------------\u{1b}[39m",
        "\u{1b}[31mKeyError\u{1b}[39m                                  Traceback (most recent call last)",
        "\u{1b}[36mCell\u{1b}[39m\u{1b}[36m \u{1b}[39m\u{1b}[32mIn[9]\u{1b}[39m\u{1b}[32m, line 1\u{1b}[39m\n\u{1b}[32m----> \u{1b}[39m\u{1b}[32m1\u{1b}[39m east = orders[\u{1b}[33m\"east\"\u{1b}[39m]",
        "\u{1b}[31mKeyError\u{1b}[39m: 'east'",
    ];
    let error =
        json!({ "output_type": "error", "ename": "KeyError", "evalue": "'east'", "traceback": traceback });
    let damaged = display(json!({ "image/png": "*", "text/plain": "Image" }));
    vec![
        markdown("## What went wrong"),
        explained(
            code(Status::Failed { seconds: 0.004 }, "east = orders[\"east\"]", vec![error]),
            "east",
            &["first run"],
        ),
        code(Status::Skipped { why: "it needs east, and cell 20 raised".to_owned() }, "east.plot()", vec![]),
        code(Status::Disabled, "send_report()", vec![]),
        code(
            Status::Stale { why: "THRESHOLD: 0.5 → 0.6".to_owned() },
            "orders[orders.orders > THRESHOLD]",
            vec![],
        ),
        code(ran(0.01), "broken", vec![damaged]),
    ]
}

fn ending() -> Vec<ReportCell> {
    let code_with_errors = "def half(:\n    return 'no quote";
    vec![
        markdown("### Last\n\nSee the tables again."),
        code(ran(0.001), code_with_errors, vec![]),
        code(restored(45.0), &format!("wide = {}", "[1, 2, 3] + ".repeat(20)), vec![]),
    ]
}
