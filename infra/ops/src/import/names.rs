//! What a file calls our columns, where it has names of its own.

use csv::ByteRecord;

use crate::import::columns::KNOWN;

/// Names of columns in a file that stand for ours. By default each is called as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<Rename>);

/// One of our columns, and what the file calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    ours: &'static str,
    theirs: String,
}

impl Rename {
    /// Reads `productid=Serial`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (ours, theirs) = text.split_once('=').unwrap_or((text, ""));
        let ours = KNOWN.into_iter().find(|name| *name == ours);
        match (ours, theirs) {
            (Some(ours), theirs) if !theirs.is_empty() => Ok(Self {
                ours,
                theirs: theirs.to_owned(),
            }),
            _ => Err(format!(
                "must be one of our names, = and the file's; ours are {}",
                KNOWN.join(", ")
            )),
        }
    }
}

impl Names {
    /// These names; each may be given once.
    pub fn new(renames: Vec<Rename>) -> Result<Self, String> {
        for (place, rename) in renames.iter().enumerate() {
            let before = renames.iter().take(place);
            if before.clone().any(|other| other.ours == rename.ours) {
                return Err(format!("--column {} is there twice", rename.ours));
            }
            if before.clone().any(|other| other.theirs == rename.theirs) {
                return Err(format!("--column names {} for two", rename.theirs));
            }
        }
        Ok(Self(renames))
    }

    /// Our name for what the file calls so; its own, if it is none of those that were given.
    pub(crate) fn ours<'a>(&self, theirs: &'a [u8]) -> &'a [u8] {
        let found = self
            .0
            .iter()
            .find(|rename| rename.theirs.as_bytes() == theirs);
        found.map_or(theirs, |rename| rename.ours.as_bytes())
    }

    /// A header in our names.
    pub(crate) fn header(&self, theirs: &ByteRecord) -> ByteRecord {
        theirs.iter().map(|cell| self.ours(cell)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Result<Names, String> {
        Names::new(
            texts
                .iter()
                .map(|text| Rename::parse(text).unwrap())
                .collect(),
        )
    }

    #[test]
    fn a_header_is_read_in_our_names() {
        let names = names(&["productid=Serial No", "secret=K=ey"]).unwrap();
        let header = ByteRecord::from(&["Serial No", "K=ey", "policyName", "x"][..]);
        let ours = ByteRecord::from(&["productid", "secret", "policyName", "x"][..]);
        assert_eq!(names.header(&header), ours);
    }

    #[test]
    fn a_mapping_is_exact() {
        for bad in ["", "productid", "productid=", "serial=Serial"] {
            assert!(Rename::parse(bad).is_err(), "{bad}");
        }
        assert!(names(&["productid=a", "productid=b"]).is_err());
        assert!(names(&["productid=a", "secret=a"]).is_err());
    }
}
