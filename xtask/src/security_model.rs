//! The security model names tests; here it is held to it.

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use crate::command::root;

    /// Name and file of each link of the form ``[`name`](../file.rs)``.
    fn named_tests(model: &str) -> BTreeSet<(&str, &str)> {
        let links = model.split("[`").skip(1).filter_map(|link| {
            let (name, rest) = link.split_once("`](../")?;
            let (file, _) = rest.split_once(')')?;
            file.ends_with(".rs").then_some((name, file))
        });
        links.collect()
    }

    #[test]
    fn every_test_that_the_security_model_names_exists() {
        let model = fs::read_to_string(root().join("docs/security-model.md")).unwrap();
        let named = named_tests(&model);
        assert!(named.len() > 40, "{}", named.len());
        let missing: Vec<_> = named
            .into_iter()
            .filter(|(name, file)| {
                let source = fs::read_to_string(root().join(file)).unwrap_or_default();
                !source.contains(&format!("fn {name}("))
            })
            .collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn a_line_that_says_it_is_met_names_a_test_or_what_is_configured() {
        let model = fs::read_to_string(root().join("docs/security-model.md")).unwrap();
        let (_, lists) = model.split_once("## The lists").unwrap();
        for line in lists.lines().filter(|line| line.contains("| default |")) {
            assert!(!named_tests(line).is_empty(), "{line}");
        }
    }
}
