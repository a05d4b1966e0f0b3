#include "extensions/emulator.h"

#include <string>
#include <thread>
#include <utility>

#include "engine/log.h"
#include "extensions/cpu_info.h"

namespace nestp {
namespace {

std::string library_path(const FoundEmulator& emulator) {
  std::string path;
  for (const std::string& directory : emulator.library_directories)
    path += (path.empty() ? "" : ":") + std::string(kHostRoot) + directory;
  return path;
}

/// The variables go to the program by the emulator's own -E, which cuts its value at commas.
void add_variables(std::vector<std::string>& words, const std::vector<std::string>& variables) {
  for (const std::string& variable : variables) {
    if (variable.find(',') != variable.npos) {
      LOG(warning) << "a variable of the dynamic linker is left out, as its value has a comma: "
                   << quoted(variable);
      continue;
    }
    words.push_back("-E");
    words.push_back(variable);
  }
}

}  // namespace

Emulator::Emulator(EmulatorSettings settings, EmulatorSearch search)
    : settings_(std::move(settings)), search_(std::move(search)) {
  if (!settings_.command.empty()) named_ = search_.find_named(settings_.command.front());
}

const FoundEmulator* Emulator::emulator_of(const Machine& machine) {
  is_needed_ |= !runs_here(machine) && !emulated_name(machine).empty();
  if (!named_) return search_.find(machine);
  // -q of another machine's emulator must not get this program.
  const auto meant = emulated_machine(settings_.command.front());
  return !meant || *meant == machine || !settings_.is_mixed ? &*named_ : search_.find(machine);
}

std::optional<Emulation> Emulator::on_program_file(const ProgramFile& program) {
  if (program.runs_here && settings_.is_mixed) return std::nullopt;
  const Machine machine{program.machine, program.elf_class, program.is_big_endian};
  const FoundEmulator* const found = emulator_of(machine);
  if (found == nullptr) {
    const std::string_view name = emulated_name(machine);
    // A machine nobody knows is a damaged file rather than a foreign program.
    if (!name.empty() && reported_.insert(machine).second) {
      LOG(warning) << quoted(program.name) << " is a program for " << name << ": "
                   << missing_emulator(machine);
    }
    return std::nullopt;
  }
  Emulation emulation{.host = found->host};
  if (!found->is_static()) {
    emulation.host = found->interpreter;
    emulation.words = {found->interpreter, "--library-path", library_path(*found),
                       std::string(kHostRoot) + found->host};
    emulation.hides_variables = true;
  } else {
    emulation.words = {found->host};
  }
  if (named_ && found == &*named_) {
    emulation.words.insert(emulation.words.end(), settings_.command.begin() + 1,
                           settings_.command.end());
  }
  if (emulation.hides_variables) add_variables(emulation.words, program.variables);
  if (program.argument != program.name) {
    emulation.words.push_back("-0");
    emulation.words.push_back(program.argument);
  }
  emulation.words.push_back(program.name);
  return emulation;
}

void Emulator::on_program_start(ProgramStart& start) {
  if (start.machine != 0) {
    machines_[start.thread] = start.machine;
  } else {
    machines_.erase(start.thread);
  }
}

bool Emulator::on_text(pid_t reader, std::string_view host, std::optional<std::string>& text) {
  const auto machine = machines_.find(reader);
  if (host != "/proc/cpuinfo" || machine == machines_.end()) return false;
  auto shown = cpu_info(machine->second, std::thread::hardware_concurrency());
  if (shown.empty()) return false;
  text = std::move(shown);
  return true;
}

void Emulator::on_thread_start(pid_t thread, pid_t parent) {
  const auto found = machines_.find(parent);
  if (found != machines_.end()) machines_[thread] = found->second;
}

void Emulator::on_thread_renamed(pid_t former, pid_t now) {
  const auto found = machines_.find(former);
  if (found == machines_.end()) return;
  machines_[now] = found->second;
  machines_.erase(former);
}

}  // namespace nestp
