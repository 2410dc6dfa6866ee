//! The checklists that ship with gonogo, every line of the lists of 001, 002 and 004 as one item with a stable id.

use std::path::Path;

use super::{
    super::{paths::Trust, problem::Report, schema::SHIPPED, typed},
    item,
};
use crate::domain::plan::ItemSpec;

const FILES: [(&str, &str); 3] = [
    (
        "001.toml",
        include_str!("../../../assets/checklists/001.toml"),
    ),
    (
        "002.toml",
        include_str!("../../../assets/checklists/002.toml"),
    ),
    (
        "004.toml",
        include_str!("../../../assets/checklists/004.toml"),
    ),
];

/// Each list by its name, without `builtin:`.
pub(super) fn all() -> Vec<(String, Vec<ItemSpec>)> {
    let mut all = Vec::new();
    for (file, text) in FILES {
        let mut report = Report::new(Path::new(file), text, Trust::Own);
        if let Some(root) = typed::read_as(&SHIPPED, text, &mut report) {
            let lists = item::checklists(&root, &mut report);
            all.extend(
                lists
                    .into_iter()
                    .map(|(name, items)| (name.to_owned(), items)),
            );
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_without_a_problem() {
        for (file, text) in FILES {
            let mut report = Report::new(Path::new(file), text, Trust::Own);
            let root = typed::read_as(&SHIPPED, text, &mut report).expect("TOML");
            assert!(!item::checklists(&root, &mut report).is_empty());
            assert_eq!(report.finish().expect("good"), [], "{file}");
        }
    }
}
