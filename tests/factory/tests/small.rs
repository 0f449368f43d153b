//! The same at a test's size: no row is lost or doubled by Ctrl-C, and ten times the rows take hardly more memory.

use cvm_factory::batch::batch;
use cvm_factory::import::Plan;
use cvm_factory::import::import;
use cvm_factory::site::Site;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_cut_off_loses_nothing_and_takes_little_memory() {
    let workspace = Workspace::find().await.unwrap();
    let site = Site::start(&workspace, Profile::Dev).await.unwrap();
    let plan = Plan {
        rows: 5_000,
        dry_run: false,
    };
    let outcome = Box::pin(import(&site, plan)).await.unwrap();
    assert!(outcome.is_sound(), "{outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_takes_little_memory() {
    let workspace = Workspace::find().await.unwrap();
    let site = Site::start(&workspace, Profile::Dev).await.unwrap();
    let plan = Plan {
        rows: 20_000,
        dry_run: true,
    };
    let outcome = Box::pin(import(&site, plan)).await.unwrap();
    assert!(outcome.is_sound(), "{outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_cut_off_twice_comes_out_as_it_went_in() {
    let workspace = Workspace::find().await.unwrap();
    let functions = Functions::build(&workspace, Profile::Dev, Progress::Quiet);
    let functions = functions.await.unwrap();
    let site = Site::start(&workspace, Profile::Dev).await.unwrap();
    let outcome = Box::pin(batch(&site, &functions, 120)).await.unwrap();
    assert!(outcome.is_sound(), "{outcome:#?}");
}
