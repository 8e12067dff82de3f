-- A published course never changes: attempts are graded against what was published.
create table course (
    course_id text primary key,
    title text not null,
    questions int not null,
    pass_mark int not null,
    max_attempts int,
    opens_on date not null,
    closes_on date,
    published_at timestamptz not null
);

create table lesson (
    course_id text not null references course,
    number int not null,
    title text not null,
    text text not null,
    primary key (course_id, number)
);

create table question (
    course_id text not null references course,
    number int not null,
    question_id text not null,
    text text not null,
    option_ids text[] not null,
    option_texts text[] not null,
    right_ids text[] not null,
    primary key (course_id, question_id),
    unique (course_id, number)
);

-- One row for each learner of a course; locked while an attempt is graded, so attempts come one at a time.
create table enrolment (
    course_id text not null references course,
    learner_id text not null, -- a pseudonym
    organisation_id text,
    unit_id text,
    district_id text,
    commune_id text,
    enrolled_at timestamptz not null,
    attempts int not null,
    passed_at timestamptz,
    primary key (course_id, learner_id)
);

create table attempt (
    attempt_id text primary key,
    course_id text not null,
    learner_id text not null,
    number int not null,
    right_answers int not null,
    out_of int not null,
    passed boolean not null,
    wrong text[] not null,
    answers jsonb not null,
    submitted_at timestamptz not null,
    foreign key (course_id, learner_id) references enrolment,
    unique (course_id, learner_id, number)
);

-- Read models of registry's events. Until the first build is in service, the views show that nothing is known yet.
create table model.known_unit (
    unit_id text primary key,
    level text not null,
    district_id text,
    commune_id text,
    name text not null
);
create view known_unit as select * from model.known_unit;

create table model.known_organisation (
    organisation_id text primary key,
    name text not null,
    sector text not null
);
create view known_organisation as select * from model.known_organisation;
