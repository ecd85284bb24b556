// Every verb, one line each, in the order in which `cairn` alone shows them.
#include "app/cli/verbs.h"

#include "app/cli/cli.h"

namespace cairn::app {

void add_verbs(CommandLine& line, Session& session) {
  add_init(line, session);
  add_doctor(line, session);
  add_plan(line, session);
  add_bench(line, session);
  add_schema(line, session);

  add_run(line, session);
  add_exec(line, session);
  add_adopt(line, session);
  add_optout(line, session);

  add_runs(line, session);
  add_watch(line, session);
  add_metrics(line, session);
  add_show(line, session);
  add_upstream(line, session);
  add_downstream(line, session);
  add_why(line, session);
  add_docs(line, session);
  add_when(line, session);
  add_sample(line, session);
  add_impact(line, session);
  add_robots(line, session);
  add_signals(line, session);
  add_tokenizer(line, session);
  add_what_if(line, session);
  add_stale(line, session);

  add_audit(line, session);
  add_rebuild(line, session);
  add_reproduce(line, session);
  add_release(line, session);
  add_card(line, session);

  add_generate(line, session);
  add_chat(line, session);
  add_serve(line, session);
  add_logits(line, session);

  add_steps(line, session);  // last: each step whose name is still free
}

}  // namespace cairn::app
