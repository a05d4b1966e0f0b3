#include "engine/ptrace/exec/plan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>
#include <utility>

#include "engine/check.h"
#include "engine/ptrace/exec/shebang.h"

namespace nestp {
namespace {

// The kernel gives up when the sixth file is a script, too (fs/exec.c, exec_binprm).
constexpr int kMaxScripts = 5;

class FileBytes final : public ByteSource {
 public:
  explicit FileBytes(int file) : file_(file) {}
  SysResult<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t got =
          pread(file_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (got < 0) return Errno(errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  int file_;
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// First kShebangBytes of a file.
SysResult<std::string> read_start(ExecFile& file) {
  std::optional<std::string>& known = file.facts->start;
  if (known) return *known;
  if (const auto open = hold_open(file); !open) return open.error();
  std::string start(kShebangBytes, '\0');
  const ssize_t got = pread(file.file.get(), start.data(), start.size(), 0);
  if (got < 0) return Errno(errno);
  start.resize(static_cast<std::size_t>(got));
  known = start;
  return start;
}

/// `known`: the place for the image among the file's facts.  `parse`: parse_elf() or its kin.
template <typename Parse>
SysResult<ElfImage> read_image(ExecFile& file, std::optional<ElfImage>& known, Parse parse) {
  if (known) return *known;
  if (const auto open = hold_open(file); !open) return open.error();
  FileBytes bytes(file.file.get());
  auto image = parse(bytes, kElfPageSize);
  if (image) known = *image;
  return image;
}

bool runs_here(const Abi* abi) {
  const auto abis = host_abis();
  return abi != nullptr && std::find(abis.begin(), abis.end(), abi) != abis.end();
}

using PlanOutcome = Outcome<ExecPlan, ExecError>;

/// Reads the program's and its interpreter's headers into the plan.
PlanOutcome with_images(ExecPlan plan, const ExecOpener& open) {
  auto image = read_image(plan.program, plan.program.facts->program, parse_elf);
  if (!image) return ExecError{image.error(), ExecBlame::program, plan.program.guest.text()};
  plan.abi = abi_of_elf(image->machine, image->is_64 ? 2 : 1);
  if (!runs_here(plan.abi)) {
    return ExecError{Errno(ENOEXEC), ExecBlame::program, plan.program.guest.text()};
  }
  plan.program_image = std::move(*image);
  if (plan.program_image.interpreter.empty()) return plan;

  const std::string name = plan.program_image.interpreter;
  auto file = open(name);
  if (!file) return ExecError{file.error(), ExecBlame::elf_interpreter, name};
  auto interpreter = read_image(*file, file->facts->interpreter, parse_elf_interpreter);
  if (!interpreter) return ExecError{interpreter.error(), ExecBlame::elf_interpreter, name};
  if (interpreter->machine != plan.program_image.machine) {
    return ExecError{Errno(ELIBBAD), ExecBlame::elf_interpreter, name};
  }
  const std::size_t segments = plan.program_image.segments.size() + interpreter->segments.size();
  if (segments > gate::kMaxSegments) {
    return ExecError{Errno(ENOMEM), ExecBlame::program, plan.program.guest.text()};
  }
  plan.interpreter_image = std::move(*interpreter);
  plan.interpreter = std::move(*file);
  return plan;
}

/// Who runs `file`, named `name`; `words`: those of the scripts that led to it.
std::optional<ExecEmulator> emulator_of(std::string_view start, const ExecFile& file,
                                        const std::string& name,
                                        const std::vector<std::string>& words,
                                        const EmulatorFinder& find_emulator) {
  const auto identity = identify_elf(std::as_bytes(std::span(start)));
  if (!identity || !find_emulator) return std::nullopt;
  ProgramFile program{.machine = identity->machine,
                      .elf_class = static_cast<std::uint8_t>(identity->is_64 ? 2 : 1),
                      .is_big_endian = identity->is_big_endian,
                      .name = name};
  program.runs_here =
      !program.is_big_endian && runs_here(abi_of_elf(program.machine, program.elf_class));
  if (!words.empty()) program.argument = words.front();
  return find_emulator(program, file.guest);
}

/// The emulator takes the program's place, the program's name and words come behind its own.
void put_emulator(ExecPlan& plan, ExecEmulator emulator) {
  std::vector<std::string> words = std::move(emulator.emulation.words);
  plan.hidden_words = words.size() - 1;
  plan.hides_variables = emulator.emulation.hides_variables;
  plan.machine = emulator.machine;
  if (!plan.scripts.empty()) {
    words.insert(words.end(), plan.scripts.begin() + 1, plan.scripts.end());
  }
  plan.scripts = std::move(words);
  plan.foreign = std::exchange(plan.program, std::move(emulator.file));
}

gate::PlanFile file_record(const ElfImage& image, std::uint64_t base) {
  constexpr std::uint16_t kPositionIndependent = 3;  // ET_DYN
  gate::PlanFile record{};
  record.base_hint = base;
  record.low = image.low;
  record.span = image.high - image.low;
  record.alignment = image.alignment;
  record.movable = image.type == kPositionIndependent ? 1 : 0;
  record.segment_count = image.sound ? static_cast<std::uint32_t>(image.segments.size()) : 0;
  return record;
}

void add_segments(const ElfImage& image, gate::PlanSegment* place) {
  for (const ElfSegment& segment : image.segments) {
    *place++ = {.address = segment.address,
                .file_offset = segment.file_offset,
                .file_size = segment.file_size,
                .memory_size = segment.memory_size,
                .protection = static_cast<std::uint64_t>(segment.protection)};
  }
}

/// Puts a path at `offset` of the record's room; gives its address in the guest.
std::uint64_t add_path(gate::Plan& record, std::size_t offset, const std::string& path) {
  CHECK(offset + path.size() < sizeof record.paths)
      << "loader paths of " << path.size() << " bytes";
  path.copy(record.paths + offset, path.size());
  return gate::kPlan + offsetof(gate::Plan, paths) + offset;
}

/// Bytes, whole pages, below `range`.
std::uint64_t random_pages(std::uint64_t range) {
  std::uint64_t value = 0;
  if (getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value) return 0;
  return value % range & ~(kElfPageSize - 1);
}

}  // namespace

SysResult<> hold_open(ExecFile& file) {
  if (file.file) return Done{};
  auto opened = open_at(AT_FDCWD, file.host, O_RDONLY);
  if (!opened) return opened.error();
  file.file = std::move(*opened);
  return Done{};
}

PlanOutcome make_exec_plan(const std::string& text, const ExecOpener& open,
                           const EmulatorFinder& find_emulator, std::optional<ExecFile> opened,
                           bool script_reachable) {
  ExecPlan plan;
  plan.file_name = text;
  plan.name = base_name(text);
  std::string current = text;
  std::optional<ExecEmulator> emulator;
  for (int depth = 0;; ++depth) {
    const ExecBlame blame = depth == 0 ? ExecBlame::program : ExecBlame::script_interpreter;
    if (depth > kMaxScripts) return ExecError{Errno(ELOOP), blame, current};
    if (!opened) {
      auto file = open(current);
      if (!file) return ExecError{file.error(), blame, current};
      opened = std::move(*file);
    }
    const auto start = read_start(*opened);
    if (!start) return ExecError{start.error(), blame, current};
    const auto script = parse_shebang(*start);
    if (!script) return ExecError{script.error(), blame, current};
    if (!*script) {
      emulator = emulator_of(*start, *opened, current, plan.scripts, find_emulator);
      break;
    }
    if (!script_reachable && depth == 0) return ExecError{Errno(ENOENT), blame, current};
    // The interpreter's words go in front; the script's own path takes argv[0]'s place.
    std::vector<std::string> words{(*script)->interpreter};
    if ((*script)->argument) words.push_back(*(*script)->argument);
    if (plan.scripts.empty()) {
      words.push_back(current);
    } else {
      words.insert(words.end(), plan.scripts.begin(), plan.scripts.end());
    }
    plan.scripts = std::move(words);
    current = (*script)->interpreter;
    opened.reset();
  }
  plan.program = std::move(*opened);
  if (emulator) put_emulator(plan, std::move(*emulator));
  return with_images(std::move(plan), open);
}

Randomness choose_randomness(const ExecPlan& plan, bool randomize) {
  const ProgramPlaces& places = plan.abi->places;
  Randomness chosen;
  const bool movable = plan.program_image.type == 3;  // ET_DYN
  const bool has_interpreter = plan.interpreter.has_value();
  if (movable && has_interpreter) {
    chosen.program_base = places.base + (randomize ? random_pages(places.base_range) : 0);
  }
  // A loader-like program lies among the mappings, where brk had no room to grow.
  if (movable && !has_interpreter) chosen.heap_base = places.base;
  if (randomize) chosen.heap_offset = random_pages(places.heap_range);
  return chosen;
}

std::span<const std::byte> used_bytes(const gate::Plan& record) {
  const std::uint64_t last =
      record.interpreter.path != 0 ? record.interpreter.path : record.program.path;
  const std::size_t at = last - gate::kPlan;
  const char* const path = reinterpret_cast<const char*>(&record) + at;
  return std::as_bytes(std::span(&record, 1)).first(at + std::strlen(path) + 1);
}

gate::Plan loader_plan(const ExecPlan& plan, const StartStack& stack,
                       const Randomness& randomness) {
  gate::Plan record{};
  record.program = file_record(plan.program_image, randomness.program_base);
  record.program.path = add_path(record, 0, plan.program.host);
  add_segments(plan.program_image, record.segments);
  if (plan.interpreter) {
    record.interpreter = file_record(plan.interpreter_image, 0);
    record.interpreter.path =
        add_path(record, plan.program.host.size() + 1, plan.interpreter->host);
    add_segments(plan.interpreter_image, record.segments + plan.program_image.segments.size());
    record.interpreter_entry = plan.interpreter_image.entry;
  }
  record.program_entry = plan.program_image.entry;
  record.program_headers = plan.program_image.phdr_address;
  record.program_header_size = plan.program_image.phdr_size;
  record.program_header_count = plan.program_image.phdr_count;
  record.stack = stack.pointer;
  record.auxv = stack.auxv;
  record.auxv_size = stack.auxv_size;
  record.arguments_start = stack.arguments_start;
  record.arguments_end = stack.arguments_end;
  record.environment_start = stack.environment_start;
  record.environment_end = stack.environment_end;
  record.heap_base = randomness.heap_base;
  record.heap_offset = randomness.heap_offset;
  record.executable_stack = plan.program_image.stack == ElfStack::executable ? 1 : 0;
  std::strncpy(record.name, plan.name.c_str(), sizeof record.name - 1);
  return record;
}

}  // namespace nestp
