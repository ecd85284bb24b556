// One declaration a verb; each is defined in a file of its own name.
#pragma once

namespace cairn::app {

class CommandLine;
class Session;

void add_init(CommandLine& line, Session& session);
void add_doctor(CommandLine& line, Session& session);
void add_plan(CommandLine& line, Session& session);
void add_bench(CommandLine& line, Session& session);
void add_schema(CommandLine& line, Session& session);

void add_run(CommandLine& line, Session& session);
void add_steps(CommandLine& line, Session& session);  // run.cpp: every registered step as a verb
void add_exec(CommandLine& line, Session& session);
void add_adopt(CommandLine& line, Session& session);
void add_optout(CommandLine& line, Session& session);
void add_tokenizer(CommandLine& line, Session& session);

void add_runs(CommandLine& line, Session& session);
void add_watch(CommandLine& line, Session& session);
void add_metrics(CommandLine& line, Session& session);
void add_show(CommandLine& line, Session& session);
void add_upstream(CommandLine& line, Session& session);    // lineage.cpp
void add_downstream(CommandLine& line, Session& session);  // lineage.cpp
void add_sample(CommandLine& line, Session& session);
void add_when(CommandLine& line, Session& session);
void add_why(CommandLine& line, Session& session);
void add_docs(CommandLine& line, Session& session);
void add_impact(CommandLine& line, Session& session);
void add_robots(CommandLine& line, Session& session);
void add_signals(CommandLine& line, Session& session);
void add_what_if(CommandLine& line, Session& session);

void add_stale(CommandLine& line, Session& session);

void add_audit(CommandLine& line, Session& session);
void add_rebuild(CommandLine& line, Session& session);
void add_reproduce(CommandLine& line, Session& session);
void add_release(CommandLine& line, Session& session);
void add_card(CommandLine& line, Session& session);

void add_generate(CommandLine& line, Session& session);
void add_chat(CommandLine& line, Session& session);  // generate.cpp
void add_serve(CommandLine& line, Session& session);
void add_logits(CommandLine& line, Session& session);

}  // namespace cairn::app
