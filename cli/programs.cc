#include "cli/programs.h"

#include "cli/boot/boot.h"
#include "cli/doctor.h"
#include "cli/environment/commands.h"
#include "cli/groot/groot.h"
#include "cli/jchroot/jchroot.h"
#include "cli/junest/junest.h"
#include "cli/owners.h"

namespace nestp {
namespace {

constexpr Program kPrograms[] = {
    {.name = "junest", .help = "JuNest's command line", .by_name = true, .run = junest::run},
    {.name = "sudoj",
     .help = "A command with JuNest's fake root",
     .by_name = true,
     .run = junest::run_sudoj},
    {.name = "jchroot", .help = "jchroot's command line", .by_name = true, .run = jchroot::run},
    {.name = "groot", .help = "GRoot's command line", .by_name = true, .run = groot::run},
    {.name = "install",
     .help = "Make an environment from an image, archive or directory",
     .run = environment::run_install},
    {.name = "list", .help = "List the environments [--json]", .run = environment::run_list},
    {.name = "enter",
     .help = "A shell or command in an environment",
     .run = environment::run_enter},
    {.name = "run",
     .help = "What the image is made to run, in an environment",
     .run = environment::run_run},
    {.name = "remove", .help = "Delete an environment", .run = environment::run_remove},
    {.name = "clone", .help = "Copy an environment", .run = environment::run_clone},
    {.name = "rename", .help = "Rename an environment", .run = environment::run_rename},
    {.name = "backup",
     .help = "Write an environment into an archive",
     .run = environment::run_backup},
    {.name = "restore",
     .help = "Make an environment from such an archive",
     .run = environment::run_restore},
    {.name = "export",
     .help = "Write an environment's files into an archive",
     .run = environment::run_export},
    {.name = "ps", .help = "List the sessions [--json]", .run = environment::run_ps},
    {.name = "kill", .help = "End a session", .run = environment::run_kill},
    {.name = "boot", .help = "A whole system with its own init", .run = boot::run},
    {.name = "sh-nspawn",
     .help = "sh-nspawn's command line",
     .by_name = true,
     .run = boot::run_sh_nspawn},
    {.name = "doctor", .help = "Say what works on this machine [--json]", .run = run_doctor},
    {.name = "owners", .help = "List or set the owners that -0 remembers", .run = run_owners},
};

}  // namespace

std::span<const Program> program_table() { return kPrograms; }

std::optional<int> run_program(std::span<const std::string> arguments) {
  if (arguments.empty()) return std::nullopt;
  const std::string_view path = arguments[0];
  const std::string_view own = path.substr(path.rfind('/') + 1);
  for (const Program& program : program_table()) {
    if (program.by_name && own == program.name) return program.run(arguments.subspan(1));
  }
  if (own == "proot" || arguments.size() < 2) return std::nullopt;
  for (const Program& program : program_table()) {
    if (arguments[1] == program.name) return program.run(arguments.subspan(2));
  }
  return std::nullopt;
}

}  // namespace nestp
