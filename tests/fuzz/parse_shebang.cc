// Any bytes as a script's start: what parse_shebang finds must stand there.
// Corpus: parse_shebang_corpus/, run by the unit tests.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/ptrace/exec/shebang.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = nestp::parse_shebang(text);
  if (!parsed || !*parsed) return 0;
  const nestp::Shebang& shebang = **parsed;
  const std::string_view seen = text.substr(0, nestp::kShebangBytes);
  if (shebang.interpreter.empty() || seen.find(shebang.interpreter) == seen.npos) std::abort();
  if (shebang.interpreter.find_first_of(" \t") != std::string::npos) std::abort();
  if (shebang.argument && seen.find(*shebang.argument) == seen.npos) std::abort();
  return 0;
}
