// Any bytes as an ELF file: parse_elf must neither crash nor claim a span that
// its segments do not fill.  Corpus: parse_elf_corpus/, run by the unit tests.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "engine/ptrace/exec/elf.h"

namespace {

class Bytes : public nestp::ByteSource {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  nestp::SysResult<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min(into.size(), bytes_.size() - offset);
    std::memcpy(into.data(), bytes_.data() + offset, count);
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
};

void expect(bool holds) {
  if (!holds) std::abort();
}

void expect_sane(const nestp::SysResult<nestp::ElfImage>& parsed) {
  if (!parsed) {
    expect(parsed.error().code() > 0);
    return;
  }
  const nestp::ElfImage& image = *parsed;
  expect(image.phdr_count > 0 && image.alignment >= nestp::kElfPageSize);
  expect((image.alignment & (image.alignment - 1)) == 0);
  if (!image.sound) return;
  expect(image.low <= image.high && image.low % nestp::kElfPageSize == 0);
  for (const nestp::ElfSegment& segment : image.segments) {
    expect(segment.address >= image.low && segment.file_size <= segment.memory_size);
    expect(segment.address + segment.memory_size <= image.high);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(std::as_bytes(std::span(data, size)));
  expect_sane(nestp::parse_elf(bytes));
  expect_sane(nestp::parse_elf_interpreter(bytes));
  (void)nestp::identify_elf(std::as_bytes(std::span(data, size)));
  return 0;
}
