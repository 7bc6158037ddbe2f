//! The people and classes of a run: made over REST, kept in a file, given tokens by login or by our own signature.
//! Called before sockets open. Never makes what the plan already has, so a plan file makes later runs quick.

use std::{collections::HashMap, fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    clock::stop_asked,
    http::{Answer, Http},
    problem::{Outcome, Problem},
    token,
};

/// An account of the run.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Person {
    /// Its e-mail address.
    pub email: String,
    /// Its password.
    pub password: String,
    /// Its id.
    pub id: Uuid,
}

/// A class with a live session.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Class {
    /// The classroom.
    pub classroom: Uuid,
    /// The code that pupils join with.
    pub invite_code: String,
    /// Its live session.
    pub session: Uuid,
    /// The session's board.
    pub board: Uuid,
    /// How many pupils, from the plan's first on, have joined.
    pub joined: usize,
}

impl Class {
    /// The path of the class's socket.
    pub fn path(&self) -> String {
        format!("/ws/classroom/{}/session/{}/", self.classroom, self.session)
    }
}

/// Everybody and everything that a run needs.
#[derive(Serialize, Deserialize, Default, Clone, Debug)]
pub struct Plan {
    /// The tutor of all classes.
    pub tutor: Option<Person>,
    /// The pupils; each class is joined by the first ones.
    pub pupils: Vec<Person>,
    /// The classes.
    pub classes: Vec<Class>,
}

/// Where tokens come from.
#[derive(Default, Debug)]
pub struct Tokens {
    secret: Option<String>,
    known: HashMap<Uuid, String>,
}

impl Tokens {
    /// Logs people in, or signs for them when the server's secret is known.
    pub fn new(secret: Option<String>) -> Self {
        Self { secret, known: HashMap::new() }
    }

    /// A token of `person`; asked of the server at most once.
    ///
    /// # Errors
    /// When the login is refused.
    pub fn of(&mut self, http: &mut Http, person: &Person, role: &str) -> Outcome<String> {
        if let Some(token) = self.known.get(&person.id) {
            return Ok(token.clone());
        }
        let token = if let Some(secret) = &self.secret {
            token::sign(secret, person.id, role)?
        } else {
            let body = json!({"email": person.email, "password": person.password});
            text(&http.expect(200, "POST", "/api/v1/auth/login/", "", Some(&body))?, "access")?
        };
        self.known.insert(person.id, token.clone());
        Ok(token)
    }
}

fn text(answer: &Answer, field: &str) -> Outcome<String> {
    let value = answer.body.pointer(&format!("/{}", field.replace('.', "/"))).and_then(|value| value.as_str());
    value.map(str::to_owned).ok_or_else(|| Problem::new(format!("an answer without `{field}`: {}", answer.body)))
}

fn id(answer: &Answer, field: &str) -> Outcome<Uuid> {
    Ok(Uuid::try_parse(&text(answer, field)?)?)
}

impl Plan {
    /// Reads a plan; an empty one when the file does not exist yet.
    ///
    /// # Errors
    /// When the file is no plan.
    pub fn load(file: Option<&Path>) -> Outcome<Self> {
        match file.filter(|file| file.exists()) {
            Some(file) => Ok(serde_json::from_slice(&fs::read(file)?)?),
            None => Ok(Self::default()),
        }
    }

    /// Keeps the plan for later runs against the same data.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, file: Option<&Path>) -> Outcome<()> {
        let Some(file) = file else { return Ok(()) };
        fs::write(file, serde_json::to_vec_pretty(self)?)
            .map_err(|error| Problem::new(format!("{}: {error}", file.display())))
    }

    /// A plan for the relay, which knows no accounts: ids only.
    pub fn invented(classes: usize, pupils: usize) -> Self {
        let person = |_| Person { email: String::new(), password: String::new(), id: Uuid::new_v4() };
        let class = |_| Class {
            classroom: Uuid::new_v4(),
            invite_code: String::new(),
            session: Uuid::new_v4(),
            board: Uuid::new_v4(),
            joined: pupils,
        };
        Self {
            tutor: Some(person(0)),
            pupils: (0..pupils).map(person).collect(),
            classes: (0..classes).map(class).collect(),
        }
    }

    /// Makes what is missing: a tutor, `pupils` accounts, `classes` joined by all of these.
    ///
    /// # Errors
    /// When the server refuses one of the steps.
    pub fn provide(&mut self, http: &mut Http, tokens: &mut Tokens, classes: usize, pupils: usize) -> Outcome<()> {
        let tutor = match &self.tutor {
            Some(tutor) => tutor.clone(),
            None => self.tutor.insert(register(http, tokens, "tutor")?).clone(),
        };
        while self.pupils.len() < pupils {
            self.pupils.push(register(http, tokens, "student")?);
        }
        let teaching = tokens.of(http, &tutor, "tutor")?;
        while self.classes.len() < classes {
            self.classes.push(open_class(http, &teaching, self.classes.len())?);
        }
        for class in self.classes.iter_mut().take(classes) {
            fill(http, tokens, &self.pupils[..pupils], class)?;
        }
        Ok(())
    }

    /// A class of its own, joined by the first `pupils`, that no later run uses: what is drawn there would make their
    /// `welcome` large. The people must have been provided.
    ///
    /// # Errors
    /// When the server refuses one of the steps.
    pub fn fresh_class(&self, http: &mut Http, tokens: &mut Tokens, pupils: usize) -> Outcome<Class> {
        let tutor = self.tutor.as_ref().ok_or_else(|| Problem::new("the plan has no tutor"))?;
        let teaching = tokens.of(http, tutor, "tutor")?;
        let mut class = open_class(http, &teaching, self.classes.len())?;
        fill(http, tokens, &self.pupils[..pupils], &mut class)?;
        Ok(class)
    }
}

fn register(http: &mut Http, tokens: &mut Tokens, role: &str) -> Outcome<Person> {
    let (email, password) =
        (format!("load-{}@example.com", Uuid::new_v4().simple()), "a load test's password".to_owned());
    let body = json!({"email": email, "password": password, "first_name": "Load", "last_name": "Test", "role": role});
    let answer = http.expect(201, "POST", "/api/v1/auth/register/", "", Some(&body))?;
    let person = Person { email, password, id: id(&answer, "user.id")? };
    tokens.known.insert(person.id, text(&answer, "access")?);
    Ok(person)
}

fn fill(http: &mut Http, tokens: &mut Tokens, pupils: &[Person], class: &mut Class) -> Outcome<()> {
    while let Some(pupil) = pupils.get(class.joined) {
        if stop_asked() {
            return Err(Problem::new("stopped while preparing"));
        }
        let token = tokens.of(http, pupil, "student")?;
        let body = json!({"invite_code": class.invite_code});
        http.expect(200, "POST", "/api/v1/classrooms/join/", &token, Some(&body))?;
        class.joined += 1;
    }
    Ok(())
}

fn open_class(http: &mut Http, token: &str, number: usize) -> Outcome<Class> {
    let body = json!({"name": format!("Load class {number}")});
    let classroom = http.expect(201, "POST", "/api/v1/classrooms/", token, Some(&body))?;
    let path = format!("/api/v1/classrooms/{}/sessions/", id(&classroom, "id")?);
    let session = http.expect(201, "POST", &path, token, Some(&json!({"name": "Load session"})))?;
    Ok(Class {
        classroom: id(&classroom, "id")?,
        invite_code: text(&classroom, "invite_code")?,
        session: id(&session, "id")?,
        board: id(&session, "board_id")?,
        joined: 0,
    })
}

/// A fresh solo board of `token`'s owner: its id, and its first `ETag`.
///
/// # Errors
/// When the server refuses it.
pub fn new_board(http: &mut Http, token: &str, state: &serde_json::Value) -> Outcome<(Uuid, String)> {
    let body = json!({"name": "Load board", "state": state});
    let answer = http.expect(201, "POST", "/api/v1/solo/sessions/", token, Some(&body))?;
    let rev = answer.body.get("rev").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let etag = answer.etag.clone().unwrap_or_else(|| format!("W/\"rev:{rev}\""));
    Ok((id(&answer, "id")?, etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_outlives_its_run_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        assert!(Plan::load(Some(&file)).unwrap().classes.is_empty());
        let plan = Plan::invented(2, 3);
        plan.save(Some(&file)).unwrap();
        let again = Plan::load(Some(&file)).unwrap();
        assert_eq!((again.classes.len(), again.pupils.len()), (2, 3));
        assert_eq!(again.classes[1].path(), plan.classes[1].path());
        fs::write(&file, "not a plan").unwrap();
        assert!(Plan::load(Some(&file)).is_err());
    }
}
