#include "cli/junest/junest.h"

#include <cstdlib>

#include "cli/child.h"
#include "cli/junest/build.h"
#include "cli/junest/command_line.h"
#include "cli/junest/enter.h"
#include "cli/junest/place.h"
#include "cli/junest/setup.h"
#include "cli/junest/wrappers.h"
#include "cli/output.h"

namespace nestp::junest {
namespace {

int make_wrappers(const Place& place, const CommandLine& line) {
  if (!is_installed(place)) {
    return fail("no image is installed in " + place.home + "; run: junest setup");
  }
  const auto done =
      refresh_wrappers(place, line.bin_path, line.force ? Existing::replace : Existing::keep);
  return done ? 0 : fail(done.error().message);
}

}  // namespace

int run(std::span<const std::string> words) {
  const auto line = parse(words);
  if (!line) return fail(line.error().message);
  if (line->action == Action::help) {
    print(help_text());
    return 0;
  }
  if (line->action == Action::version) {
    print("junest (nestp) " NESTP_VERSION "\n");
    return 0;
  }
  const auto place = find_place();
  if (!place) return fail(place.error().message);
  switch (line->action) {
    case Action::setup:
      return set_up(*place, *line);
    case Action::remove:
      return remove_image(*place);
    case Action::wrappers:
      return make_wrappers(*place, *line);
    case Action::build:
      return build(*place, *line);
    default:
      return enter(*place, *line);
  }
}

int run_sudoj(std::span<const std::string> words) {
  if (words.empty()) return fail("no command is given");
  const auto place = find_place();
  if (!place) return fail(place.error().message);
  const char* const path = std::getenv("PATH");
  const std::string wrappers = place->home + "/usr/bin_wrappers";
  return run_program_to_end({words.begin(), words.end()},
                            {"PATH=" + (path == nullptr ? wrappers : path + (":" + wrappers)),
                             "JUNEST_HOME=" + place->home, "JUNEST_ARGS=ns --fakeroot"});
}

}  // namespace nestp::junest
