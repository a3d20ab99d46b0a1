//! Descriptions of the schema.

use crate::support::{Sqlite, TestServer, Value, json};

#[tokio::test]
async fn every_schema_element_has_a_description() {
    let server = TestServer::start(Sqlite).await;
    let data = server
        .data(
            "{ __schema { types { name description
                fields { name description args { name description } }
                inputFields { name description } enumValues { name description } } } }",
            json!({}),
        )
        .await;
    let mut undescribed = Vec::new();
    for named in data["__schema"]["types"].as_array().unwrap() {
        let name = named["name"].as_str().unwrap();
        let built_in = ["ID", "Int", "Float", "String", "Boolean"].contains(&name);
        if built_in || name.starts_with("__") {
            continue;
        }
        check(name, named, &mut undescribed);
        for list in ["fields", "inputFields", "enumValues"] {
            for member in named[list].as_array().into_iter().flatten() {
                let name = format!("{name}.{}", member["name"].as_str().unwrap());
                check(&name, member, &mut undescribed);
                for argument in member["args"].as_array().into_iter().flatten() {
                    check(
                        &format!("{name}({})", argument["name"]),
                        argument,
                        &mut undescribed,
                    );
                }
            }
        }
    }
    assert!(
        undescribed.is_empty(),
        "without a description: {undescribed:#?}"
    );
}

fn check(name: &str, described: &Value, undescribed: &mut Vec<String>) {
    if described["description"]
        .as_str()
        .is_none_or(|text| text.trim().is_empty())
    {
        undescribed.push(name.to_owned());
    }
}
