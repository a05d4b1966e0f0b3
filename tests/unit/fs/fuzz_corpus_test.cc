// The corpora of tests/fuzz and mutations of them, as a unit test.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include <catch2/catch.hpp>

// libFuzzer looks for this name.  NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
  // A failed promise aborts the test program.
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST_CASE("the resolver keeps its promises on the fuzzer's corpus", "[fs][fuzz]") {
  std::mt19937 chance(1);  // the same each time: what is random belongs to the fuzzer
  int seen = 0;
  const std::string corpus = std::string(NESTP_SOURCE_ROOT) + "/tests/fuzz/resolve_path";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string input{std::istreambuf_iterator<char>(file), {}};
    INFO(entry.path().string());
    run(input);
    for (int i = 0; i < 200; ++i) {
      std::string mutated = input;
      mutated[chance() % mutated.size()] = "/.alibhost\1\xff"[chance() % 12];
      mutated[0] = static_cast<char>(chance());
      run(mutated);
    }
    ++seen;
  }
  CHECK(seen > 15);
}

}  // namespace
