use super::*;
use outcomes::judge::Draws;
use outcomes::policy::Knn;
use outcomes::report::Setting;
use outcomes::{Learn, Pool, Trial};

/// A page of the sample, whose pool and models have names that a page could stumble over.
fn page_of(name: &str) -> String {
    let meta = include_str!("../../../../benches/policies/tools.meta.json").replace("\"elk\"", "\"e<l>&k\"");
    let rows = include_bytes!("../../../../benches/policies/tools.jsonl.gz").as_slice();
    let pools = [Pool::read(name, ["meta", "rows"], meta.as_bytes(), rows).unwrap()];
    let learners = [Box::new(Knn) as Box<dyn Learn>];
    let trial = Trial {
        pools: &pools,
        others: &[],
        learners: &learners,
        settings: &[Setting::Known],
        only: &[],
        draws: Draws { repeats: 100, seed: 1 },
        seed: 1,
        turns: 5,
        kept: None,
    };
    page(&trial.run(&mut |_| ()).unwrap().0, &["knn <is> worse".into()])
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = page_of("tools");
    for foreign in ["http", "src=", "url(", "@import", "<script", "<link", "NaN", "inf"] {
        assert!(!page.contains(foreign), "{foreign} in {page}");
    }
    for there in
        ["prefers-color-scheme: dark", "<title id=", "<desc id=", "scope=\"row\"", "lang=\"en\"", ">balanced"]
    {
        assert!(page.contains(there), "{there}");
    }
}

#[test]
fn names_are_text_and_every_tag_is_closed() {
    let page = page_of("a<b>&\"c");
    assert!(page.contains("a&lt;b&gt;&amp;&quot;c") && !page.contains("a<b>"));
    assert!(page.contains("e&lt;l&gt;&amp;k") && page.contains("knn &lt;is&gt; worse"));
    for tag in
        ["svg", "table", "section", "figure", "ul", "li", "details", "tr", "td", "th", "title", "text", "div"]
    {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}
