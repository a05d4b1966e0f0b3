// Runs one fuzz entry over every file of a folder, as a unit test: argv[1] is the folder.
// With argv[2], a count, also over that many mutations of each, from a fixed seed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void mutate(Input& input, std::mt19937& random) {
  const auto edits = 1 + random() % 6;
  for (unsigned i = 0; i < edits && !input.empty(); ++i) {
    const std::size_t at = random() % input.size();
    switch (random() % 4) {
      case 0:
        input[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        input[at] = static_cast<std::uint8_t>(random() % 2 == 0 ? 0xff : 0);
        break;
      case 2:
        input.resize(at);
        break;
      default:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), input[at]);
        break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 0;
  int files = 0;
  std::mt19937 random(4711);
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    const Input input = read_file(entry.path());
    LLVMFuzzerTestOneInput(input.data(), input.size());
    for (int i = 0; i < mutations; ++i) {
      Input changed = input;
      mutate(changed, random);
      LLVMFuzzerTestOneInput(changed.data(), changed.size());
    }
    ++files;
  }
  std::printf("%d files, %d mutations of each\n", files, mutations);
  return files > 0 ? 0 : 1;
}
