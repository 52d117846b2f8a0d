//! Scopes, accounts, and how it is refused.

use super::*;
use crate::v1;

fn path_of(operation: &crate::operation::Operation) -> String {
    operation.path.replace(['{', '}'], "")
}

#[tokio::test]
async fn w03_every_operation_is_closed_to_whoever_has_no_scope_of_it_and_says_which_is_missing() {
    let mut program = Program::with("phone:read:admin phone:write:admin").await;
    for operation in v1::operations() {
        let answer = program
            .ask_v1(operation.method.clone(), &path_of(&operation), "{}")
            .await;
        assert_eq!(answer.problem(), 403, "{}", operation.id);
        assert!(answer.text.contains(operation.granular[0]), "{}", answer.text);
    }
    program.token.clear();
    for operation in v1::operations() {
        let answer = program
            .ask_v1(operation.method.clone(), &path_of(&operation), "")
            .await;
        assert_eq!(answer.problem(), 401, "{}", operation.id);
    }
    assert_eq!(program.get_v1("/nothing").await.problem(), 401);
}

#[tokio::test]
async fn the_document_is_shown_to_anybody_and_what_is_no_operation_to_those_who_are_known() {
    let mut program = Program::with(EVERYTHING).await;
    assert_eq!(program.get_v1("/nothing").await.problem(), 404);
    program.token.clear();
    let document = program.get_v1("/openapi.json").await.found();
    assert_eq!(document, crate::v1_document());
}

#[tokio::test]
async fn a_problem_names_the_parameter_that_is_wrong() {
    let program = Program::with(EVERYTHING).await;
    let answer = program.get_v1("/devices?page_size=0").await;
    assert_eq!(answer.problem(), 400);
    assert_eq!(answer.json()["field"], json!("page_size"));
}

#[tokio::test]
async fn a06_an_account_sees_no_device_of_another() {
    let mut program = Program::with(EVERYTHING).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "oyez").await;
    program.go_on_with(2, "two", EVERYTHING).await;

    assert_eq!(program.get_v1("/devices").await.found()["devices"], json!([]));
    for path in ["", "/slots", "/attempts"] {
        let answer = program.get_v1(&format!("/devices/{device}{path}")).await;
        assert_eq!(answer.problem(), 404, "{path}");
    }
}
