//! Rows a second and memory of a large import through the real `cvmctl`.

use cvm_factory::import;
use cvm_factory::import::Outcome;
use cvm_factory::import::Plan;
use cvm_factory::import::Run;
use cvm_factory::site::Site;
use cvm_lambda::Error;
use cvm_local::functions::Profile;
use cvm_local::workspace::Workspace;

use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::target::Report;
use crate::target::Target;

/// Imports so many rows: a tenth, once more, all of them with Ctrl-C in the middle, and the rest.
pub async fn measure(rows: u64, profile: Profile) -> Result<Report, Error> {
    let workspace = Workspace::find().await?;
    let site = Site::start(&workspace, profile).await?;
    let plan = Plan {
        rows,
        dry_run: false,
    };
    Ok(told(&import::import(&site, plan).await?))
}

fn told(outcome: &Outcome) -> Report {
    let head = [
        "run",
        "new rows",
        "there already",
        "seconds",
        "rows/s",
        "peak, MB",
    ];
    let mut sheet = Sheet::new("import", &head);
    for run in &outcome.runs {
        sheet.row(line(run));
    }
    sheet.note(format!(
        "{} rows in the table; ten times the rows took {:.1} MB more. cvmctl on an AWS in memory, which shares these processors.",
        outcome.stored,
        megabytes(outcome.growth())
    ));
    let sound = if outcome.is_sound() { 1.0 } else { 0.0 };
    let growth = megabytes(outcome.growth());
    Report {
        sheets: vec![sheet],
        targets: vec![
            Target::at_least("imports whose every row came in once", 1.0, sound),
            Target::at_most(
                "memory of ten times the rows, MB",
                megabytes(outcome.growth_most()),
                growth,
            )
            .shown(),
        ],
    }
}

fn line(run: &Run) -> [Cell; 6] {
    let seconds = run.took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    let rows = (run.imported + run.already_there) as f64;
    [
        run.name.into(),
        run.imported.into(),
        run.already_there.into(),
        Cell::Number(seconds, 1),
        Cell::Number(rows / seconds, 0),
        Cell::Number(megabytes(run.peak), 1),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
