//! What the README shows is what the program says.

use gonogo::input::{Keymap, reference};

const OPEN: &str = "<!-- keys -->\n";
const CLOSE: &str = "<!-- /keys -->";

#[test]
fn the_keys_are_those_of_the_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let from = readme.find(OPEN).expect("the README has a block of keys") + OPEN.len();
    let until = readme.find(CLOSE).expect("the block of keys ends");
    let table = format!("{}\n", reference::markdown(&Keymap::default()).trim_end());
    if std::env::var_os("GONOGO_BLESS").is_some() {
        let blessed = format!("{}{table}{}", &readme[..from], &readme[until..]);
        std::fs::write(path, blessed).unwrap();
        return;
    }
    assert_eq!(
        &readme[from..until],
        table,
        "run GONOGO_BLESS=1 cargo test readme"
    );
}

#[test]
fn the_pictures_are_there() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let pictures: Vec<&str> = readme
        .split("](assets/")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(!pictures.is_empty());
    for picture in pictures {
        let path = format!("{}/assets/{picture}", env!("CARGO_MANIFEST_DIR"));
        assert!(
            std::path::Path::new(&path).exists(),
            "{picture} is not in assets/"
        );
    }
}
