//! Pages judged by axe-core: the rules of WCAG 2.2 AA that a program can judge, and what its makers know to be good practice.

use std::path::Path;

use serde_json::{Value, json};

use crate::{Browser, View, skip};

/// The script, in the folder of what is built: `cargo xtask peers` puts it there.
const SCRIPT: &str = "../../target/axe-core/package/axe.min.js";
/// Runs what was put into the page, and gives a sentence for each thing that a rule finds.
const RUN: &str = "const [rules, done] = [arguments[0], arguments[arguments.length - 1]];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const runOnly = rules.length ? {type: 'rule', values: rules} : {type: 'tag', values: tags};
    axe.run(document, {runOnly, resultTypes: ['violations'], preload: false, rules: rules.length ? {} : {'target-size': {enabled: true}}})
        .then(found => done(found.violations.flatMap(rule => rule.nodes.slice(0, 3).map(node =>
            `${rule.id} (${rule.impact}): ${rule.help}: ${node.html.slice(0, 160)}: ${[...node.any, ...node.all, ...node.none].map(one => one.message).join('; ')}`))))
        .catch(error => done([`axe-core: ${error}`]))";
/// What depends on the colours alone.
const COLOUR_RULES: &[&str] = &["color-contrast", "link-in-text-block"];

/// Somebody who judges pages by axe-core.
#[derive(Debug)]
pub struct Axe {
    script: String,
}

impl Axe {
    /// What judges; none where it is not installed, which is said as of any peer that is missing.
    pub fn find() -> Option<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
        let script = std::fs::read_to_string(file).ok();
        if script.is_none() {
            skip("axe-core is missing; `cargo xtask peers` installs it");
        }
        script.map(|script| Self { script })
    }

    /// What is wrong with the page that is open, on a desk and on the narrowest phone, light and dark: a list of sentences.
    ///
    /// # Panics
    ///
    /// When the browser does not run it.
    pub fn judge(&self, browser: &Browser) -> Vec<String> {
        let mut faults = Vec::new();
        browser.run(&self.script, &json!([]));
        for (view, rules) in [
            (View::Wide, &[][..]),
            (View::WideDark, COLOUR_RULES),
            (View::NarrowDark, COLOUR_RULES),
            (View::Narrow, &[]),
        ] {
            browser.look_at_the_limit(view);
            let found = browser.run_and_wait(RUN, &json!([rules]));
            let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
            let told = found.iter().filter_map(Value::as_str);
            faults.extend(told.map(|fault| format!("{view:?}: {fault}")));
        }
        browser.look(View::Wide);
        faults
    }
}
