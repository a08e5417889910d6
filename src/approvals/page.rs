//! The page behind a personal link: what is asked, and a form to answer it. Plain HTML with no script.

use super::model::Approval;
use super::rules::Facts;

/// The question, with a form if `may` (who may decide, by name), else with the reason why not.
pub(super) fn question(facts: &Facts, person: &str, refused: Option<&str>) -> String {
    let approval = &facts.approval;
    let mut body = format!("<h1>{}</h1>\n<dl>", escape(&approval.title));
    row(&mut body, "For", &approval.subject);
    row(&mut body, "Template", approval.template.as_deref().unwrap_or("–"));
    row(
        &mut body,
        "Environment",
        approval.environment.as_deref().unwrap_or("–"),
    );
    row(&mut body, "Asked by", &approval.requester);
    row(&mut body, "Level", &level_text(approval));
    row(&mut body, "State", approval.state.as_str());
    if let Some(expires) = approval.expires_at {
        row(
            &mut body,
            "Expires",
            &expires.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        );
    }
    row(&mut body, "Digest", &approval.digest);
    body.push_str("</dl>\n<h2>The plan</h2>\n<pre>");
    let plan = serde_json::to_string_pretty(&approval.plan).unwrap_or_default();
    body.push_str(&escape(&plan));
    body.push_str("</pre>\n");
    match refused {
        Some(reason) => body.extend(["<p class=\"note\">", &escape(reason), "</p>"]),
        None => body.extend([
            "<form method=\"post\"><p>You decide as <strong>",
            &escape(person),
            "</strong>.</p><input type=\"hidden\" name=\"digest\" value=\"",
            &escape(&approval.digest),
            "\"><p><label>Comment<br><textarea name=\"comment\" rows=\"3\" maxlength=\"1000\"></textarea></label></p>\
             <p><button name=\"decision\" value=\"approve\">Approve</button> \
             <button name=\"decision\" value=\"reject\" class=\"danger\">Reject</button></p></form>",
        ]),
    }
    document("Approval", &body)
}

/// One sentence.
pub(super) fn message(title: &str, text: &str) -> String {
    document(
        title,
        &format!("<h1>{}</h1>\n<p>{}</p>", escape(title), escape(text)),
    )
}

fn level_text(approval: &Approval) -> String {
    format!("{} of {}", approval.level + 1, approval.rules.levels.len())
}

fn row(body: &mut String, name: &str, value: &str) {
    body.extend(["<dt>", &escape(name), "</dt><dd>", &escape(value), "</dd>\n"]);
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{} – Signalbox</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>\n",
        escape(title)
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f6f7f9;color:#1c2430}\
main{max-width:44rem;margin:2rem auto;padding:1.5rem 2rem;background:#fff;border:1px solid #d9dee5;border-radius:8px}\
h1{font-size:1.4rem}h2{font-size:1.1rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}\
dt{color:#5a6675}dd{margin:0;overflow-wrap:anywhere}pre{background:#f6f7f9;padding:1rem;overflow:auto;max-height:24rem}\
textarea{width:100%;box-sizing:border-box;font:inherit}button{font:inherit;padding:.5rem 1.25rem;border-radius:6px;\
border:1px solid #1a7f4b;background:#1a7f4b;color:#fff;cursor:pointer}button.danger{border-color:#b3261e;background:#fff;color:#b3261e}\
.note{padding:.75rem 1rem;background:#fff6e0;border:1px solid #e6c667;border-radius:6px}";

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_does_not_become_markup() {
        let page = message("Hm", "<script>alert('x')</script> & \"more\"");
        assert!(!page.contains("<script>"));
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"));
    }
}
