//! Every row of the table of moves, and that any number of them leaves a state that makes sense.

use proptest::prelude::*;

use super::*;

/// `bot` passes to `agents`, `agents` to nobody; `mail` and `more` are of one type, `gone` is not there any more.
fn board() -> Switchboard {
    let seat = |id: &str, kind: &str, next: Option<&str>| SwitchboardIntegration {
        id: Id::new(id),
        name: format!("the-{id}"),
        integration: Id::new(format!("integration-{id}")),
        kind: kind.to_owned(),
        standby: true,
        next: next.map(Id::new),
        history: None,
        absent: id == "gone",
    };
    Switchboard {
        enabled: true,
        default: Some(Id::new("bot")),
        integrations: vec![
            seat("bot", "custom", Some("agents")),
            seat("agents", "twilio", None),
            seat("mail", "mailgun", Some("bot")),
            seat("more", "mailgun", Some("gone")),
            seat("gone", "line", None),
        ],
        ..Switchboard::new(Id::new("board"), Id::new("app"))
    }
}

/// `"bot"`, `"bot>agents"` where it was offered, `"-"` for nobody.
fn state(text: &str) -> Control {
    let (active, pending) = text.split_once('>').unwrap_or((text, "-"));
    let one = |id: &str| (id != "-").then(|| Id::new(id));
    Control { active: one(active), pending: one(pending) }
}

fn by(who: &str) -> Mover {
    match who {
        "app" => Mover::Business,
        who => Mover::Integration(Id::new(format!("integration-{who}"))),
    }
}

fn pass(to: &str) -> Move {
    Move::Pass(to.to_owned())
}

fn offer(to: &str) -> Move {
    Move::Offer(to.to_owned())
}

/// What is told, in short: the state shown and to whom, or why it failed.
fn told(moved: &Moved) -> String {
    let name = |id: &Option<Id<_>>| id.as_ref().map_or_else(|| "-".to_owned(), Id::to_string);
    match &moved.told {
        None => "nothing".to_owned(),
        Some(Told::Made { shown, to }) => {
            format!("{}>{} to {}", name(&shown.active), name(&shown.pending), name(to))
        }
        Some(Told::Failed(failed)) => failed.code.trim_start_matches("switchboard_").to_owned(),
    }
}

fn check(from: &str, who: &str, wanted: Move, to: &str, tells: &str) {
    let board = board();
    let moved = moved(Some(&board), &state(from), &by(who), &wanted);
    let case = format!("{wanted:?} by {who} from {from}");
    match moved {
        Ok(moved) => assert_eq!((&moved.control, told(&moved).as_str()), (&state(to), tells), "{case}"),
        Err(NotTheirs) => assert_eq!("403", tells, "{case}"),
    }
}

#[test]
fn the_lead_is_passed() {
    for to in ["agents", "the-agents", "twilio", "next"] {
        check("bot", "app", pass(to), "agents", "agents>- to agents");
        check("bot>mail", "bot", pass(to), "agents", "agents>- to agents");
    }
    check("-", "app", pass("mail"), "mail", "mail>- to mail");
    // Whoever is known passes to their own next, whoever leads.
    check("mail", "bot", pass("next"), "agents", "agents>- to agents");
    check("mail", "stranger", pass("next"), "bot", "bot>- to bot");
}

#[test]
fn who_leads_is_passed_nothing() {
    for to in ["agents", "the-agents", "twilio"] {
        check("agents>mail", "app", pass(to), "agents>mail", "nothing");
    }
    check("agents>mail", "bot", pass("next"), "agents>mail", "nothing");
}

#[test]
fn who_is_not_there_is_given_nothing() {
    for to in ["nobody", "mailgun", "gone", "the-gone", "line", "", "custom ", "Next"] {
        check("bot>mail", "app", pass(to), "bot>mail", "invalid_target");
        check("bot>mail", "app", offer(to), "bot>mail", "invalid_target");
    }
    check("-", "app", pass("next"), "-", "invalid_target");
    check("agents", "app", pass("next"), "agents", "invalid_target");
    check("agents", "more", pass("next"), "agents", "invalid_target");
}

#[test]
fn the_lead_is_offered_and_taken() {
    check("bot", "app", offer("agents"), "bot>agents", "bot>agents to agents");
    check("bot>mail", "mail", offer("agents"), "bot>agents", "bot>agents to agents");
    check("-", "app", offer("agents"), "->agents", "->agents to agents");
    check("bot>mail", "app", offer("the-bot"), "bot>mail", "invalid_target");
    for who in ["app", "agents"] {
        check("bot>agents", who, Move::Accept, "agents", "agents>- to agents");
        check("->agents", who, Move::Accept, "agents", "agents>- to agents");
    }
    for who in ["bot", "mail", "stranger"] {
        check("bot>agents", who, Move::Accept, "", "403");
        check("bot", who, Move::Accept, "", "403");
    }
    check("bot", "app", Move::Accept, "bot", "invalid_action");
    check("bot>gone", "app", Move::Accept, "bot", "invalid_action");
}

#[test]
fn the_lead_is_given_up() {
    for who in ["app", "bot"] {
        check("bot>agents", who, Move::Release, "-", "bot>agents to -");
        check("bot", who, Move::Release, "-", "bot>- to -");
    }
    check("->agents", "app", Move::Release, "-", "->agents to -");
    check("-", "app", Move::Release, "-", "nothing");
    check("gone", "app", Move::Release, "-", "nothing");
    for who in ["agents", "stranger", "gone"] {
        check("bot>agents", who, Move::Release, "", "403");
        check("-", who, Move::Release, "", "403");
        check("gone", who, Move::Release, "", "403");
    }
}

#[test]
fn where_no_turns_are_taken_nobody_moves() {
    let off = Switchboard { enabled: false, ..board() };
    for board in [None, Some(&off)] {
        for who in ["app", "bot", "agents"] {
            for wanted in [pass("agents"), offer("agents"), Move::Accept] {
                let made = moved(board, &state("bot>mail"), &by(who), &wanted).expect("nobody is refused");
                assert_eq!((&made.control, told(&made).as_str()), (&state("bot>mail"), "invalid_action"));
            }
            let made = moved(board, &state("bot>mail"), &by(who), &Move::Release).expect("nobody is refused");
            assert_eq!((&made.control, told(&made).as_str()), (&state("bot>mail"), "nothing"));
        }
        assert_eq!(kept(board, &state("-")), state("-"));
        assert_eq!(begun(board, Some(&Id::new("mail"))), state("-"));
    }
}

#[test]
fn who_leads_at_first_is_the_integrations_own_or_the_default() {
    let own = |id: &str| begun(Some(&board()), Some(&Id::new(id)));
    assert_eq!(own("mail"), state("mail"));
    assert_eq!(own("gone"), state("bot"));
    assert_eq!(begun(Some(&board()), None), state("bot"));
    let none = Switchboard { default: None, ..board() };
    assert_eq!(begun(Some(&none), None), state("-"));
}

#[test]
fn a_person_who_does_something_is_led_by_somebody() {
    for (from, to) in [
        ("-", "bot"),
        ("->agents", "bot>agents"),
        ("->bot", "bot"),
        ("gone", "bot"),
        ("gone>agents", "bot>agents"),
        ("agents>gone", "agents"),
        ("agents>mail", "agents>mail"),
    ] {
        assert_eq!(kept(Some(&board()), &state(from)), state(to), "{from}");
    }
}

fn anybody() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["bot", "agents", "mail", "more", "gone", "next", "twilio", "mailgun", "nobody"])
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![anybody().prop_map(pass), anybody().prop_map(offer), Just(Move::Accept), Just(Move::Release),]
}

#[derive(Debug, Clone)]
enum Deed {
    Moves(&'static str, Move),
    Writes,
    Vanishes(usize),
    Switches,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let who = prop::sample::select(vec!["app", "bot", "agents", "mail", "stranger"]);
    prop_oneof![
        6 => (who, any_move()).prop_map(|(who, wanted)| Deed::Moves(who, wanted)),
        2 => Just(Deed::Writes),
        1 => (0..5_usize).prop_map(Deed::Vanishes),
        1 => Just(Deed::Switches),
    ]
}

proptest! {
    #[test]
    fn whatever_is_done_the_state_makes_sense(deeds in prop::collection::vec(any_deed(), 0..40)) {
        let (mut board, mut control) = (board(), Control::default());
        for deed in deeds {
            match deed {
                Deed::Vanishes(place) => board.integrations[place].absent ^= true,
                Deed::Switches => board.enabled ^= true,
                Deed::Writes => {
                    control = kept(Some(&board), &control);
                    let has_default = board.present(&Id::new("bot")).is_some();
                    prop_assert!(!board.enabled || !has_default || control.active.is_some());
                }
                Deed::Moves(who, wanted) => {
                    let before = control.clone();
                    let Ok(moved) = moved(Some(&board), &before, &by(who), &wanted) else {
                        prop_assert!(who != "app", "the business may do everything");
                        prop_assert!(matches!(wanted, Move::Accept | Move::Release));
                        continue;
                    };
                    let is_made = matches!(moved.told, Some(Told::Made { .. }));
                    let same = moved.control == present(&board, &before) || moved.control == before;
                    prop_assert!(is_made || same, "what is not told does not happen");
                    control = moved.control;
                }
            }
            if board.enabled {
                let seen = present(&board, &control);
                prop_assert!(seen.active.is_none() || seen.active != seen.pending, "{seen:?}");
            }
        }
    }
}
