#include <string>
#include <vector>

#include "cli/personality.h"
#include "cli/programs.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  if (const auto status = nestp::run_program(arguments)) return *status;
  const nestp::Personality personality = nestp::personality_of(arguments);
  if (personality.words.empty()) {
    return nestp::fail("no option and no command; try --help", nestp::exit_not_started);
  }
  const auto request = nestp::parse_options(personality.grammar, personality.words);
  if (!request) {
    return nestp::fail(request.error().message + "; try --help", nestp::exit_not_started);
  }
  return nestp::run_request(*request, personality.grammar);
}
