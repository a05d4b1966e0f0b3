#include "cli/programs.h"

#include "cli/bench/bench.h"
#include "cli/boot/boot.h"
#include "cli/doctor.h"
#include "cli/environment/commands.h"
#include "cli/environment/desktop.h"
#include "cli/groot/groot.h"
#include "cli/jchroot/jchroot.h"
#include "cli/junest/command_line.h"
#include "cli/junest/junest.h"
#include "cli/output.h"
#include "cli/owners.h"

namespace nestp {
namespace {

constexpr Program kPrograms[] = {
    {.name = "proot", .help = "PRoot's command line", .by_name = true},  // main.cc runs it
    {.name = "junest",
     .help = "JuNest's command line",
     .by_name = true,
     .run = junest::run,
     .help_text = junest::help_text},
    {.name = "sudoj",
     .help = "A command with JuNest's fake root",
     .usage = "sudoj COMMAND [ARG]...",
     .by_name = true,
     .run = junest::run_sudoj},
    {.name = "jchroot",
     .help = "jchroot's command line",
     .by_name = true,
     .run = jchroot::run,
     .help_text = jchroot::help_text},
    {.name = "groot",
     .help = "GRoot's command line",
     .by_name = true,
     .run = groot::run,
     .help_text = groot::help_text},
    {.name = "install",
     .help = "Make an environment from an image, archive, tree or recipe",
     .usage = "nestp install [--name NAME] [--arch ARCH] [--sha256 SUM] SOURCE [NAME]",
     .run = environment::run_install},
    {.name = "list",
     .help = "List the environments",
     .usage = "nestp list [--json]",
     .run = environment::run_list},
    {.name = "enter",
     .help = "A shell or command in an environment",
     .usage = "nestp enter [--bind HOST:GUEST] [--env NAME=VALUE] [--user USER] [--directory DIR] "
              "[--home private|DIR] [--env-file FILE] [--host-programs] [--ephemeral] "
              "[--backend NAME] [--detach] NAME [COMMAND [ARG]...]",
     .run = environment::run_enter},
    {.name = "run",
     .help = "What the image is made to run, in an environment",
     .usage = "nestp run [--bind HOST:GUEST] [--env NAME=VALUE] [--user USER] [--directory DIR] "
              "[--home private|DIR] [--env-file FILE] [--host-programs] [--ephemeral] "
              "[--backend NAME] [--detach] NAME [WORD]...",
     .run = environment::run_run},
    {.name = "remove",
     .help = "Delete an environment",
     .usage = "nestp remove NAME",
     .run = environment::run_remove},
    {.name = "clone",
     .help = "Copy an environment",
     .usage = "nestp clone NAME NEW",
     .run = environment::run_clone},
    {.name = "reset",
     .help = "Make an environment anew from its source",
     .usage = "nestp reset [--arch ARCH] [--sha256 SUM] NAME",
     .run = environment::run_reset},
    {.name = "rename",
     .help = "Rename an environment",
     .usage = "nestp rename NAME NEW",
     .run = environment::run_rename},
    {.name = "backup",
     .help = "Write an environment into an archive",
     .usage = "nestp backup NAME FILE.tar[.gz|.xz|.zst]",
     .run = environment::run_backup},
    {.name = "restore",
     .help = "Make an environment from such an archive",
     .usage = "nestp restore FILE [NAME]",
     .run = environment::run_restore},
    {.name = "export",
     .help = "Write an environment's files into an archive, or as an image",
     .usage = "nestp export NAME FILE.tar[.gz|.xz|.zst] | nestp export --oci NAME DIR",
     .run = environment::run_export},
    {.name = "desktop",
     .help = "Put an environment's programs into the desktop's menu",
     .usage = "nestp desktop [--remove] NAME",
     .run = environment::run_desktop},
    {.name = "ps",
     .help = "List the sessions",
     .usage = "nestp ps [--json]",
     .run = environment::run_ps},
    {.name = "join",
     .help = "A command in a session's namespaces",
     .usage = "nestp join NAME|PROCESS [COMMAND [ARG]...]",
     .run = environment::run_join},
    {.name = "kill",
     .help = "End a session",
     .usage = "nestp kill [--force] NAME|PROCESS",
     .run = environment::run_kill},
    {.name = "boot",
     .help = "A whole system with its own init",
     .run = boot::run,
     .help_text = boot::help_text},
    {.name = "sh-nspawn",
     .help = "sh-nspawn's command line",
     .by_name = true,
     .run = boot::run_sh_nspawn,
     .help_text = boot::sh_nspawn_help_text},
    {.name = "doctor",
     .help = "Say what works on this machine",
     .usage = "nestp doctor [--json]",
     .run = run_doctor},
    {.name = "bench",
     .help = "Measure what system calls cost here",
     .usage = "nestp bench [-r ROOT] [--quick] [--only TEXT] [--json] [--svg FILE] [--from FILE]",
     .run = bench::run},
    {.name = "owners",
     .help = "List or set the owners that -0 remembers",
     .usage = "nestp owners export|import [--format=mtree|fakeroot] DIR",
     .run = run_owners},
};

/// Words that ask for help of a program that has none of its own.
bool asks_for_help(const Program& program, std::span<const std::string> words) {
  return program.help_text == nullptr && !words.empty() &&
         (words[0] == "--help" || (words[0] == "-h" && !program.by_name));
}

int run_one(const Program& program, std::span<const std::string> words) {
  if (!asks_for_help(program, words)) return program.run(words);
  print("Usage: " + std::string(program.usage) + "\n" + std::string(program.help) + ".\n");
  return 0;
}

}  // namespace

std::span<const Program> program_table() { return kPrograms; }

std::string_view usage_of(std::string_view name) {
  for (const Program& program : kPrograms) {
    if (program.name == name) return program.usage;
  }
  return {};
}

std::optional<int> run_program(std::span<const std::string> arguments) {
  if (arguments.empty()) return std::nullopt;
  const std::string_view path = arguments[0];
  const std::string_view own = path.substr(path.rfind('/') + 1);
  for (const Program& program : program_table()) {
    if (program.by_name && program.run != nullptr && own == program.name)
      return run_one(program, arguments.subspan(1));
  }
  if (own == "proot" || arguments.size() < 2) return std::nullopt;
  for (const Program& program : program_table()) {
    if (arguments[1] == program.name && program.run != nullptr) {
      return run_one(program, arguments.subspan(2));
    }
  }
  return std::nullopt;
}

}  // namespace nestp
