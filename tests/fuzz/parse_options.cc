// The option parser takes any words: the first byte selects the grammar, the rest are words that
// end at each newline.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/help.h"
#include "cli/options.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// What holds of every accepted command line.
void check_request(const nestp::Request& request, const std::vector<std::string>& words) {
  const std::vector<std::string>& command = request.command;
  require(command.size() <= words.size());
  require(std::vector<std::string>(words.end() - static_cast<std::ptrdiff_t>(command.size()),
                                   words.end()) == command);
  require(!request.rootfs.empty());
  if (!request.topic.empty() && request.action == nestp::Action::help) {
    const nestp::Option* const option = nestp::find_option(request.topic);
    require(option != nullptr);
    require(!nestp::help_text(*option, nestp::Grammar::nestp).empty());
  }
  for (const nestp::RequestedBinding& binding : request.bindings) {
    require(!binding.guest.empty());
    require(binding.host.empty() == (binding.kind == nestp::RequestedBinding::Kind::temporary));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto grammar = data[0] % 2 == 0 ? nestp::Grammar::proot : nestp::Grammar::nestp;
  std::vector<std::string> words(1);
  for (std::size_t i = 1; i < size; ++i) {
    if (data[i] == '\n') {
      words.emplace_back();
    } else if (data[i] != 0) {  // no word of a command line holds one
      words.back() += static_cast<char>(data[i]);
    }
  }
  const nestp::Result<nestp::Request> request = nestp::parse_options(grammar, words);
  if (request) {
    check_request(*request, words);
  } else {
    require(!request.error().message.empty());
    require(request.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
