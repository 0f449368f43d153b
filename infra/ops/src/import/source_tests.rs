//! Files: their lines, their ends of line, their quotes, and what is wrong with them.

use super::*;

const HEADER: &str = "productid,secret,thingName,policyName";

fn csv() -> Form {
    Form::Csv(Names::default())
}

/// Each row as `line serial` or `line: reason`, and what broke the file.
fn read(file: &str) -> (Vec<String>, Option<String>) {
    read_as(file, csv())
}

fn read_as(file: &str, form: Form) -> (Vec<String>, Option<String>) {
    let mut source = Source::open(file.as_bytes(), form).unwrap();
    let mut rows = Vec::new();
    while let Some(chunk) = next(&mut source, 25) {
        rows.extend(chunk.rows.into_iter().map(|row| match row.draft {
            Ok(draft) => format!("{} {}", row.line, draft.serial),
            Err(reason) => format!("{}: {reason}", row.line),
        }));
    }
    (rows, source.broken())
}

fn next(source: &mut Source<&[u8]>, most: usize) -> Option<Chunk> {
    source.next_chunk(&Options::default(), &Login::default(), most)
}

fn row(serial: &str) -> String {
    format!("{serial},9f86d081884c7d659a2feaa0c55ad015,,p")
}

#[test]
fn windows_files_read_like_others() {
    let file = format!("\u{feff}{HEADER}\r\n{}\r\n{}\r\n", row("a"), row("b"));
    assert_eq!(
        read(&file),
        (vec!["2 a".to_owned(), "3 b".to_owned()], None)
    );
}

#[test]
fn quoted_fields_and_blank_lines_keep_the_count() {
    let quoted = "\"a\",\"9f86d081884c7d659a2feaa0c55ad015\",\"\",\"p\"";
    let file = format!(
        "{HEADER}\n\n{quoted}\nb,\"not\n\"\"visible\",,p\r\n\r\n{}\n\n{}",
        row("c"),
        row("d")
    );
    let (rows, broken) = read(&file);
    let unfit = "4: secret: may only hold visible ASCII characters other than \" , \\";
    assert_eq!(rows, ["3 a", unfit, "7 c", "9 d"]);
    assert_eq!(broken, None);
}

#[test]
fn duplicates_name_both_lines_even_beside_a_bad_row() {
    let file = format!(
        "{HEADER}\n{}\nb,weak,,p\n{}\n{}\n",
        row("a"),
        row("a"),
        row("b")
    );
    let (rows, _) = read(&file);
    assert_eq!(
        rows,
        [
            "2 a",
            "3: secret: too weak, must have 112 bits and has at most 18",
            "4: productid: the same as in line 2",
            "5: productid: the same as in line 3"
        ]
    );
}

#[test]
fn a_row_of_another_length_does_not_end_the_file() {
    let file = format!("{HEADER}\na,b\n{}\n", row("c"));
    let (rows, broken) = read(&file);
    assert_eq!(rows, ["2: has 2 fields where the header has 4", "3 c"]);
    assert_eq!(broken, None);
}

#[test]
fn an_open_quote_ends_the_file_before_it_fills_the_memory() {
    let rest = "x\n".repeat(1 << 20);
    let (rows, broken) = read(&format!("{HEADER}\n{}\nb,\"{rest}", row("a")));
    assert_eq!(rows, ["2 a"]);
    let broken = broken.unwrap();
    assert_eq!(
        broken,
        "from line 3 on: a row is too long; is a quote left open?"
    );
}

#[test]
fn a_file_with_nothing_but_a_header_has_no_rows() {
    assert_eq!(read(&format!("{HEADER}\n")), (vec![], None));
    assert!(matches!(
        Source::open(&b""[..], csv()),
        Err(HeaderError::Empty)
    ));
}

#[test]
fn a_chunk_ends_at_its_sound_rows_and_tells_its_bytes() {
    let file = format!("{HEADER}\n{}\n{}\n{}\n", row("a"), row("b"), row("c"));
    let mut source = Source::open(file.as_bytes(), csv()).unwrap();
    let chunk = next(&mut source, 2).unwrap();
    assert_eq!(chunk.rows.len(), 2);
    let chunk = next(&mut source, 2).unwrap();
    assert_eq!(chunk.rows.len(), 1);
    assert_eq!(chunk.bytes, file.len() as u64);
}

#[test]
fn objects_are_rows_with_the_same_rules() {
    let object = |serial: &str| {
        format!(
            "{{\"productid\":\"{serial}\",\"secret\":\"9f86d081884c7d659a2feaa0c55ad015\",\"policyName\":\"p\"}}"
        )
    };
    let file = format!(
        "{}\n\n{{\"secret\":\"hunter2\"\n{}\n{{\"productid\":\"b\",\"secret\":\"weak\"}}\n{}",
        object("a"),
        object("a"),
        object("c")
    );
    let (rows, broken) = read_as(&file, Form::Ndjson(Names::default()));
    assert_eq!(
        rows,
        [
            "1 a",
            "3: is no JSON object of texts under the names of the columns, each at most once",
            "4: productid: the same as in line 1",
            "5: secret: too weak, must have 112 bits and has at most 18",
            "6 c"
        ]
    );
    assert_eq!(broken, None);
}

#[test]
fn a_file_may_have_names_of_its_own() {
    use crate::import::names::Rename;
    let renames = ["productid=Serial", "secret=Key"].map(|text| Rename::parse(text).unwrap());
    let names = Names::new(renames.to_vec()).unwrap();
    let file = format!("Serial,Key,thingName,policyName\n{}\n", row("a"));
    assert_eq!(read_as(&file, Form::Csv(names.clone())).0, ["2 a"]);
    let file =
        "{\"Serial\":\"a\",\"Key\":\"9f86d081884c7d659a2feaa0c55ad015\",\"policyName\":\"p\"}";
    assert_eq!(read_as(file, Form::Ndjson(names)).0, ["1 a"]);
}
