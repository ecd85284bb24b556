// What a launcher's environment says about the processes that it started.
#include "engine/steps/team.h"

#include <map>
#include <string>

#include "tests/support/test.h"

using namespace cairn;
using steps::Team;
using test::error_of;

namespace {

Team team_of(const std::map<std::string, std::string>& variables) {
  return steps::team_of_environment([&variables](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("team: each launcher's ranks, and a name of the start that all its ranks have in common") {
  struct Case {
    std::map<std::string, std::string> variables;
    int rank, size;
    const char* job;
  };
  const Case cases[] = {
      {{}, 0, 1, ""},
      {{{"CAIRN_RANK", "2"}, {"CAIRN_RANKS", "4"}, {"CAIRN_JOB", "a/b"}}, 2, 4, "a_b"},
      {{{"CAIRN_RANKS", "1"}, {"CAIRN_RANK", "0"}}, 0, 1, ""},
      // srun; a job that was requeued is another start, and so is the next step of a job.
      {{{"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_JOB_ID", "77"}, {"SLURM_STEP_ID", "0"}}, 3, 8, "77-0"},
      {{{"SLURM_PROCID", "3"},
        {"SLURM_STEP_NUM_TASKS", "8"},
        {"SLURM_JOB_ID", "77"},
        {"SLURM_STEP_ID", "1"},
        {"SLURM_RESTART_COUNT", "2"}},
       3,
       8,
       "77-1-2"},
      // The batch script itself: one process, whatever the allocation.
      {{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "77"}}, 0, 1, ""},
      {{{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}, {"PMIX_NAMESPACE", "prterun-5@1"}}, 1, 2, "prterun-5@1"},
      {{{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}, {"OMPI_MCA_ess_base_jobid", "9"}}, 1, 2, "9"},
      {{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"PMI_JOBID", "12"}}, 1, 2, "12"},
      {{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"HYDRA_JOBID", "h"}}, 1, 2, "h"},
      // A launcher that does not name its jobs.
      {{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"CAIRN_JOB", "mine"}}, 1, 2, "mine"},
      // Said outright, before what a launcher says.
      {{{"CAIRN_RANK", "0"}, {"CAIRN_RANKS", "2"}, {"CAIRN_JOB", "x"}, {"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "8"}},
       0,
       2,
       "x"},
  };
  for (const Case& expected : cases) {
    CAPTURE(expected.job);
    const Team team = team_of(expected.variables);
    CHECK(team.rank == expected.rank);
    CHECK(team.size == expected.size);
    CHECK(team.job == expected.job);
    CHECK(team.timeout_seconds == 600);
  }
  CHECK(team_of({{"CAIRN_RANK_TIMEOUT", "30"}}).timeout_seconds == 30);
}

TEST_CASE("team: half of it, and nonsense, is refused by name") {
  const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
      {{{"CAIRN_RANKS", "2"}}, "CAIRN_RANKS is set, CAIRN_RANK is not"},
      {{{"CAIRN_RANK", "2"}, {"CAIRN_RANKS", "2"}}, "CAIRN_RANK=2, but CAIRN_RANKS=2"},
      {{{"CAIRN_RANK", "-1"}, {"CAIRN_RANKS", "2"}}, "CAIRN_RANK=-1: expected a whole number"},
      {{{"CAIRN_RANK", "0"}, {"CAIRN_RANKS", "0"}}, "CAIRN_RANK=0, but CAIRN_RANKS=0"},
      {{{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "2x"}}, "SLURM_STEP_NUM_TASKS=2x: expected a whole number"},
      {{{"SLURM_PROCID", "99999999999"}, {"SLURM_STEP_NUM_TASKS", "2"}}, "SLURM_PROCID=99999999999: expected a whole number"},
      {{{"CAIRN_RANK", "0"}, {"CAIRN_RANKS", "2"}}, "CAIRN_RANKS=2: CAIRN_JOB must name this start, the same for all ranks"},
      {{{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}, "PMI_SIZE=2: CAIRN_JOB must name this start, the same for all ranks"},
      {{{"CAIRN_RANK", "0"}, {"CAIRN_RANKS", "2"}, {"CAIRN_JOB", ".."}}, "CAIRN_JOB=..: names no folder of its own"},
      {{{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}, {"CAIRN_JOB", "."}}, "CAIRN_JOB=.: names no folder of its own"},
      {{{"CAIRN_RANK_TIMEOUT", "soon"}}, "CAIRN_RANK_TIMEOUT=soon: expected a whole number"},
  };
  for (const auto& [variables, expected] : cases)
    CHECK(error_of([&, &variables = variables] { team_of(variables); }) == expected);
}
