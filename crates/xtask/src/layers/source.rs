//! The sources above the line: every path into `std` is resolved through its imports and judged.
//!
//! Items under `#[cfg(test)]` are skipped: a test may take one reading of the clock as the origin of its virtual time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Violation;

/// Modules of `std` that no crate above the line may name, each with what is meant to be used.
const FORBIDDEN_MODULES: &[(&str, &str)] = &[
    ("std::env", "take the value as an argument"),
    ("std::fs", "take the contents as an argument"),
    ("std::io", "take bytes as arguments and return them"),
    ("std::arch", "leave the processor to the crates that ask it"),
    ("std::os", "leave the operating system to the shells"),
    ("std::path", "take names as text and contents as arguments"),
    ("std::process", "return an error; a program decides to exit"),
    ("std::thread", "a core is one value with one owner"),
    ("std::sync::Barrier", "a core is one value with one owner"),
    ("std::sync::Condvar", "a core is one value with one owner"),
    ("std::sync::LazyLock", "use a const table or a field"),
    ("std::sync::Mutex", "a core is one value with one owner"),
    ("std::sync::Once", "use a const table or a field"),
    ("std::sync::OnceLock", "use a const table or a field"),
    ("std::sync::RwLock", "a core is one value with one owner"),
    ("std::sync::atomic", "a core is one value with one owner"),
    ("std::sync::mpsc", "return effects as values"),
    ("std::time::SystemTime", "take the time as an argument"),
    ("std::time::UNIX_EPOCH", "take the time as an argument"),
    ("std::collections::HashMap", ORDERED),
    ("std::collections::HashSet", ORDERED),
    ("std::collections::hash_map", ORDERED),
    ("std::collections::hash_set", ORDERED),
    ("std::hash::RandomState", ORDERED),
    (
        "aws_lc_rs::aead::RandomizedNonceKey",
        "take the nonce as an argument",
    ),
];

const ORDERED: &str = "it is seeded by the system; use a BTreeMap or BTreeSet";

/// Modules of which only some names may stand in a pure crate, with what these are.
const ALLOWED_IN: &[(&str, &[&str], &str)] = &[
    (
        "std::net",
        &[
            "AddrParseError",
            "IpAddr",
            "Ipv4Addr",
            "Ipv6Addr",
            "SocketAddr",
            "SocketAddrV4",
            "SocketAddrV6",
        ],
        "addresses",
    ),
    (
        "aws_lc_rs",
        &["aead", "constant_time", "digest", "error", "hmac"],
        "what draws no random numbers",
    ),
];

/// Functions of a type that read the clock. They are forbidden by their last name alone, since a type has many names:
/// `Instant`, `<Instant>`, an alias, a type parameter.
const READ_THE_CLOCK: &[(&str, &str)] = &[
    ("now", "take `now` as an argument"),
    (
        "elapsed",
        "take `now` as an argument and call `saturating_duration_since`",
    ),
];

/// Modules that hold both allowed and forbidden names: their names are imported one by one, so that each is seen.
const IMPORT_BY_NAME: &[&str] = &[
    "aws_lc_rs",
    "std",
    "std::collections",
    "std::hash",
    "std::net",
    "std::sync",
    "std::time",
];

/// Macros that hide a thread-local, a print, or a source that is not checked.
const FORBIDDEN_MACROS: &[(&str, &str)] = &[
    ("thread_local", "a core is one value with one owner"),
    ("println", "return the value instead"),
    ("eprintln", "return the value instead"),
    ("print", "return the value instead"),
    ("eprint", "return the value instead"),
    ("dbg", "return the value instead"),
    ("include", "make it a module, where it is checked"),
];

/// Checks every `.rs` file under `folder`, except the files of test modules.
pub(super) fn check_folder(folder: &Path) -> Result<Vec<Violation>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let file =
                    syn::parse_file(&text).with_context(|| format!("cannot parse {}", path.display()))?;
                files.push((path, file));
            }
        }
    }
    let mut modules = Modules::default();
    for (path, file) in &files {
        modules.add(&folder_of_modules(path), &file.items, false);
    }
    let mut violations = Vec::new();
    for (path, file) in &files {
        if !modules.is_for_tests(path) {
            violations.extend(check_file(&path.display().to_string(), file));
        }
    }
    violations.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(violations)
}

/// Where the modules live that are declared: the folder of each, beside which its file has the same name with `.rs`.
#[derive(Default)]
struct Modules {
    of_tests: Vec<PathBuf>,
    /// A name may be declared for tests and once more for the product.
    of_the_product: Vec<PathBuf>,
}

impl Modules {
    /// Adds what stands among `items`, whose modules without a body live in `folder`.
    fn add(&mut self, folder: &Path, items: &[syn::Item], in_tests: bool) {
        for item in items {
            let syn::Item::Mod(module) = item else { continue };
            let inside = folder.join(plain(&module.ident));
            let in_tests = in_tests || is_test(&module.attrs);
            if let Some((_, items)) = &module.content {
                self.add(&inside, items, in_tests);
            }
            match (in_tests, module.content.is_some()) {
                (true, true) => {}
                (true, false) => self.of_tests.push(inside),
                (false, _) => self.of_the_product.push(inside),
            }
        }
    }

    /// Whether nothing but tests declare the file at `path`, or the module that it stands in.
    fn is_for_tests(&self, path: &Path) -> bool {
        let holds = |module: &PathBuf| path.starts_with(module) || *path == module.with_extension("rs");
        self.of_tests
            .iter()
            .any(|module| holds(module) && !self.of_the_product.contains(module))
    }
}

/// The folder of the modules that the file at `path` declares without a body.
fn folder_of_modules(path: &Path) -> PathBuf {
    let is_root = path
        .file_stem()
        .is_some_and(|stem| stem == "mod" || stem == "lib" || stem == "main");
    if is_root {
        path.with_file_name("")
    } else {
        path.with_extension("")
    }
}

/// Checks one source file; `name` stands in the violations.
fn check_file(name: &str, file: &syn::File) -> Vec<Violation> {
    let mut imports = Imports::default();
    imports.visit_file(file);
    let mut judge = Judge {
        name,
        imports: &imports.full_path_by_alias,
        violations: imports_violations(name, &imports),
    };
    judge.visit_file(file);
    judge.violations.dedup();
    judge.violations
}

/// What each imported name stands for.
#[derive(Default)]
struct Imports {
    full_path_by_alias: Vec<(String, String)>,
    all: Vec<(usize, String)>,
}

impl Imports {
    fn add_tree(&mut self, line: usize, prefix: &str, tree: &syn::UseTree) {
        let join = |ident: &syn::Ident| {
            if prefix.is_empty() {
                plain(ident)
            } else {
                format!("{prefix}::{}", plain(ident))
            }
        };
        match tree {
            syn::UseTree::Path(path) => self.add_tree(line, &join(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.add(line, last_segment(prefix), prefix);
            }
            syn::UseTree::Name(name) => self.add(line, plain(&name.ident), &join(&name.ident)),
            syn::UseTree::Rename(rename) if rename.ident == "self" => {
                self.add(line, plain(&rename.rename), prefix);
            }
            syn::UseTree::Rename(rename) => self.add(line, plain(&rename.rename), &join(&rename.ident)),
            syn::UseTree::Glob(_) => self.all.push((line, format!("{}::*", normal(prefix)))),
            syn::UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.add_tree(line, prefix, tree)),
        }
    }

    fn add(&mut self, line: usize, alias: String, full: &str) {
        let full = normal(full);
        self.all.push((line, full.clone()));
        self.full_path_by_alias.push((alias, full));
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(item.span().start().line, "", &item.tree);
    }
}

fn imports_violations(name: &str, imports: &Imports) -> Vec<Violation> {
    imports
        .all
        .iter()
        .filter_map(|(line, path)| {
            let module = path.strip_suffix("::*").unwrap_or(path);
            let reason = if IMPORT_BY_NAME.contains(&module) {
                Some(format!("imports `{path}` whole; import its names one by one"))
            } else {
                forbidden(path)
            };
            reason.map(|what| Violation {
                place: format!("{name}:{line}"),
                what,
            })
        })
        .collect()
}

/// Judges every path outside imports, also those in the arguments of macros.
struct Judge<'a> {
    name: &'a str,
    imports: &'a [(String, String)],
    violations: Vec<Violation>,
}

impl<'ast> Visit<'ast> for Judge<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, _: &'ast syn::ItemUse) {}

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.report(
            item,
            format!("gives the crate `{}` a name; write its paths in full", item.ident),
        );
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.attrs.iter().any(sets_path) {
            self.report(
                module,
                "takes a module from elsewhere by `path`; put the file where it is found".to_owned(),
            );
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        // With a type in front (`<T>::now`) the path itself may have one segment.
        if path.qself.is_some()
            && let [only] = names(&path.path).as_slice()
            && let Some(what) = reads_the_clock(only)
        {
            self.report(path, what);
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.judge_path(path, &names(path));
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if plain(&call.method) == "elapsed"
            && let Some(what) = reads_the_clock("elapsed")
        {
            self.report(&call.method, what);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let name = names(&called.path).pop().unwrap_or_default();
        if let Some(what) = forbidden_macro(&name) {
            self.report(called, what);
        }
        visit::visit_macro(self, called);
        self.judge_tokens(called.tokens.clone());
    }
}

impl Judge<'_> {
    fn report(&mut self, at: &impl Spanned, what: String) {
        self.violations.push(Violation {
            place: format!("{}:{}", self.name, at.span().start().line),
            what,
        });
    }

    fn judge_path(&mut self, at: &impl Spanned, segments: &[String]) {
        let what = forbidden(&self.resolve(segments)).or_else(|| match segments {
            [_, .., last] => reads_the_clock(last),
            _ => None,
        });
        if let Some(what) = what {
            self.report(at, what);
        }
    }

    /// What a macro is given need not be Rust: paths, calls of methods and of macros are picked out of its tokens.
    fn judge_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut before = Before::Other;
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            match token {
                TokenTree::Group(group) => {
                    self.judge_tokens(group.stream());
                    before = Before::Other;
                }
                TokenTree::Punct(punct) => before = before.then(punct.as_char()),
                TokenTree::Literal(_) => before = Before::Other,
                TokenTree::Ident(first) => {
                    if first == "mod" {
                        self.report(
                            first,
                            "makes a module within a macro; write it out, where it is found".to_owned(),
                        );
                    }
                    let mut segments = vec![plain(first)];
                    while let [
                        TokenTree::Punct(one),
                        TokenTree::Punct(two),
                        TokenTree::Ident(next),
                        behind @ ..,
                    ] = rest
                        && one.as_char() == ':'
                        && two.as_char() == ':'
                    {
                        segments.push(plain(next));
                        rest = behind;
                    }
                    let is_macro =
                        matches!(rest.first(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
                    if let Some(what) = segments
                        .last()
                        .filter(|_| is_macro)
                        .and_then(|name| forbidden_macro(name))
                    {
                        self.report(first, what);
                    }
                    match (before, segments.as_slice()) {
                        (Before::Colons, [only]) => {
                            if let Some(what) = reads_the_clock(only) {
                                self.report(first, what);
                            }
                        }
                        (Before::Dot, [only]) if only == "elapsed" => {
                            if let Some(what) = reads_the_clock(only) {
                                self.report(first, what);
                            }
                        }
                        (Before::Dot, _) => {}
                        (_, segments) => self.judge_path(first, segments),
                    }
                    before = Before::Other;
                }
            }
        }
    }

    fn resolve(&self, segments: &[String]) -> String {
        let written = segments.join("::");
        let Some((first, rest)) = segments.split_first() else {
            return written;
        };
        match self.imports.iter().find(|(alias, _)| alias == first) {
            Some((_, full)) if rest.is_empty() => full.clone(),
            Some((_, full)) => format!("{full}::{}", rest.join("::")),
            None => normal(&written),
        }
    }
}

/// What stands in front of a token.
#[derive(Clone, Copy)]
enum Before {
    Dot,
    Colon,
    Colons,
    Other,
}

impl Before {
    fn then(self, character: char) -> Self {
        match (self, character) {
            (Self::Colon, ':') => Self::Colons,
            (_, ':') => Self::Colon,
            (_, '.') => Self::Dot,
            _ => Self::Other,
        }
    }
}

/// A name without the `r#` that makes no other name of it.
fn plain(name: &proc_macro2::Ident) -> String {
    name.unraw().to_string()
}

fn names(path: &syn::Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| plain(&segment.ident))
        .collect()
}

/// `#[path = "…"]`, also behind a condition.
fn sets_path(attribute: &syn::Attribute) -> bool {
    names(attribute.path()) == ["path"]
        || (attribute.path().is_ident("cfg_attr")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().contains("path =")))
}

fn reads_the_clock(function: &str) -> Option<String> {
    let (name, remedy) = READ_THE_CLOCK.iter().find(|(name, _)| *name == function)?;
    Some(format!("calls `{name}` of a type above the I/O line; {remedy}"))
}

fn forbidden_macro(name: &str) -> Option<String> {
    let (name, remedy) = FORBIDDEN_MACROS.iter().find(|(known, _)| *known == name)?;
    Some(format!("calls `{name}!` above the I/O line; {remedy}"))
}

/// The reason why `path` may not be named above the line, if it may not.
fn forbidden(path: &str) -> Option<String> {
    for (module, allowed, these) in ALLOWED_IN {
        let inside = path.strip_prefix(module).and_then(|rest| rest.strip_prefix("::"));
        if let Some(name) = inside {
            let first = name.split("::").next().unwrap_or(name);
            if !allowed.contains(&first) {
                return Some(format!(
                    "names `{path}` above the I/O line; of {module} only {these} may stand here"
                ));
            }
        }
    }
    FORBIDDEN_MODULES
        .iter()
        .find(|(module, _)| path == *module || path.starts_with(&format!("{module}::")))
        .map(|(_, remedy)| format!("names `{path}` above the I/O line; {remedy}"))
}

/// `core::` and `alloc::` name the same things as `std::`.
fn normal(path: &str) -> String {
    match path.split_once("::") {
        Some(("core" | "alloc", rest)) => format!("std::{rest}"),
        None if matches!(path, "core" | "alloc") => "std".to_owned(),
        _ => path.trim_start_matches("::").to_owned(),
    }
}

fn last_segment(path: &str) -> String {
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

fn is_test_item(item: &syn::Item) -> bool {
    match item {
        syn::Item::Fn(item) => is_test(&item.attrs),
        syn::Item::Impl(item) => is_test(&item.attrs),
        syn::Item::Mod(item) => is_test(&item.attrs),
        syn::Item::Use(item) => is_test(&item.attrs),
        _ => false,
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Modules, check_file, folder_of_modules};

    fn violations(text: &str) -> Vec<String> {
        let file = syn::parse_file(text).unwrap();
        check_file("fixture.rs", &file)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn modules(path: &str, text: &str) -> Modules {
        let mut modules = Modules::default();
        let items = syn::parse_file(text).unwrap().items;
        modules.add(&folder_of_modules(Path::new(path)), &items, false);
        modules
    }

    #[test]
    fn the_files_of_test_modules_are_found_beside_their_parents() {
        let parent = "mod product; #[cfg(test)] mod tests; mod inline { #[cfg(test)] mod tests; }";
        for (path, folder) in [
            ("src/lib.rs", "src"),
            ("src/a/mod.rs", "src/a"),
            ("src/a.rs", "src/a"),
        ] {
            let modules = modules(path, parent);
            for (file, is_for_tests) in [
                ("tests.rs", true),
                ("tests/mod.rs", true),
                ("tests/inner.rs", true),
                ("inline/tests.rs", true),
                ("product.rs", false),
                ("product/tests.rs", false),
            ] {
                let file = Path::new(folder).join(file);
                assert_eq!(modules.is_for_tests(&file), is_for_tests, "{}", file.display());
            }
        }
    }

    #[test]
    fn a_module_that_the_product_declares_too_is_none_of_tests() {
        for parent in [
            "#[cfg(test)] mod x; #[cfg(not(test))] mod x;",
            "#[cfg(test)] mod r#x; #[cfg(not(test))] mod x;",
            "#[cfg(test)] mod x; #[cfg(not(test))] mod x { mod y; }",
        ] {
            let modules = modules("src/lib.rs", parent);
            assert!(!modules.is_for_tests(Path::new("src/x.rs")), "{parent}");
            assert!(!modules.is_for_tests(Path::new("src/x/y.rs")), "{parent}");
        }
    }

    #[test]
    fn a_raw_name_is_the_same_name() {
        for text in include_str!("../../fixtures/raw_names.rs.txt").lines() {
            assert_eq!(violations(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_socket_is_seen_however_it_is_imported() {
        for text in [
            include_str!("../../fixtures/socket.rs.txt"),
            "use std::net::{IpAddr, UdpSocket as Wire};",
            "fn f() { let _ = ::std::net::TcpStream::connect(\"a:1\"); }",
            "use std::net; fn f() { net::UdpSocket::bind(\"a:1\"); }",
            "use std::net::*;",
        ] {
            assert!(!violations(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_lock_a_thread_and_a_clock_are_seen() {
        for text in [
            include_str!("../../fixtures/mutex.rs.txt"),
            include_str!("../../fixtures/thread.rs.txt"),
            include_str!("../../fixtures/system_time.rs.txt"),
            include_str!("../../fixtures/instant_now.rs.txt"),
            include_str!("../../fixtures/file.rs.txt"),
            "use core::sync::atomic::AtomicU8;",
            "thread_local! { static X: u8 = 1; }",
        ] {
            assert!(!violations(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_clock_is_seen_under_any_name_of_its_type() {
        for text in [
            "use std::time::Instant; fn f() { <Instant>::now(); }",
            "type T = std::time::Instant; fn f() { T::now(); }",
            "use std::time::Instant; fn f(x: Option<Instant>) { x.unwrap_or_else(Instant::now); }",
            "use std::time::Instant; fn f(x: Instant) { x.elapsed(); }",
            "use std::time::Instant; fn f(x: Instant) { Instant::elapsed(&x); }",
            "use std::{self as s};",
            "use core as c;",
            "extern crate std as s;",
            "fn f() -> u64 { unsafe { core::arch::x86_64::_rdtsc() } }",
        ] {
            assert_eq!(violations(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_arguments_of_macros_are_seen() {
        for text in [
            "use std::time::Instant; fn f(x: Instant) { assert!(Instant::now() > x); }",
            "use std::time::Instant; fn f(x: Instant) { assert!(<Instant>::now() > x); }",
            "use std::time::Instant; fn f(x: Instant) { assert!({ x.elapsed().is_zero() }, \"late\"); }",
            "fn f() { format!(\"{:?}\", vec![std::env::var(\"HOME\")]); }",
            "macro_rules! home { () => { std::env::var(\"HOME\") } }",
            "fn f() { assert!(dbg!(true)); }",
            "macro_rules! hidden { () => { #[cfg(not(test))] mod x; } }",
        ] {
            assert_eq!(violations(text).len(), 1, "{text}");
        }
        let text =
            "fn f(now: u8, s: S) { assert!(s.now == now && s.now() == now, \"{now}: {}\", x::y::<u8>()); }";
        assert_eq!(violations(text), Vec::<String>::new());
    }

    #[test]
    fn paths_random_numbers_and_foreign_sources_are_seen() {
        for text in [
            "fn f() -> bool { std::path::Path::new(\"x\").exists() }",
            "use std::path::{Path, PathBuf};",
            "fn f() { let _ = std::collections::HashMap::<u8, u8>::new(); }",
            "use std::collections::HashSet as Set;",
            "use std::collections::*;",
            "use std::hash::RandomState;",
            "fn f() { let _ = aws_lc_rs::rand::SystemRandom::new(); }",
            "use aws_lc_rs::{aead::Aad, rand};",
            "use aws_lc_rs as crypto;",
            "use aws_lc_rs::aead::RandomizedNonceKey;",
            "#[path = \"../elsewhere.rs\"] mod elsewhere;",
            "#[cfg_attr(unix, path = \"unix.rs\")] mod platform;",
            "include!(\"elsewhere.rs\");",
            "fn f() { include!(\"elsewhere.rs\") }",
        ] {
            assert!(!violations(text).is_empty(), "{text}");
        }
        let text = "use std::collections::{BTreeMap, VecDeque}; use std::hash::Hash; use aws_lc_rs::aead::Aad;\n\
                    const X: &str = include_str!(\"x.txt\");";
        assert_eq!(violations(text), Vec::<String>::new());
    }

    #[test]
    fn a_violation_names_the_line_and_the_remedy() {
        let found = violations("use std::time::Instant;\n\nfn f() -> Instant { Instant::now() }\n");
        assert_eq!(
            found,
            ["fixture.rs:3: calls `now` of a type above the I/O line; take `now` as an argument"]
        );
    }

    #[test]
    fn addresses_durations_and_test_modules_are_free() {
        let text = "use std::net::{IpAddr, SocketAddr};\nuse std::sync::Arc;\nuse std::time::{Duration, Instant};\n\
                    #[cfg(test)] mod tests { use std::time::Instant; fn f() { Instant::now(); } }";
        assert_eq!(violations(text), Vec::<String>::new());
    }
}
