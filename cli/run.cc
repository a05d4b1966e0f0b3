#include "cli/run.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "cli/detach.h"
#include "cli/diagnose.h"
#include "cli/help.h"
#include "cli/make_guest.h"
#include "cli/output.h"
#include "cli/report.h"
#include "engine/backend.h"
#include "engine/log.h"

namespace nestp {
namespace {

using Backends = std::vector<std::unique_ptr<Backend>>;

int say(const std::string& text) {
  print(text);
  return 0;
}

int exit_code_of(StartFailure failure) {
  switch (failure) {
    case StartFailure::general:
      return exit_not_started;
    case StartFailure::not_executable:
      return exit_not_executable;
    case StartFailure::not_found:
      return exit_not_found;
  }
  return exit_not_started;
}

Surroundings read_surroundings() {
  Surroundings surroundings;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    surroundings.environment.emplace_back(*variable);
  }
  // The working directory may be deleted or unreadable; the guest then starts in its root.
  std::unique_ptr<char, decltype(&::free)> directory(::get_current_dir_name(), &::free);
  surroundings.directory = directory == nullptr ? "/" : directory.get();
  if (!surroundings.directory.starts_with('/')) surroundings.directory = "/";
  return surroundings;
}

std::vector<std::string> refusals_of(const Backend& backend, const PreparedGuest& prepared) {
  for (const auto& extension : prepared.extensions) {
    if (backend.serves_extensions() || !extension->is_asked_for()) continue;
    return {std::string(extension->name()) + " needs --backend=ptrace"};
  }
  return backend.refusals(prepared.guest);
}

/// The backend that `wanted` names, or for auto the first that refuses nothing.
Result<Backend*> choose_backend(const Backends& backends, const std::string& wanted,
                                const PreparedGuest& prepared) {
  std::string names;
  std::string refusal;
  for (const auto& backend : backends) {
    names += (names.empty() ? "" : ", ") + std::string(backend->name());
    if (wanted != "auto" && wanted != backend->name()) continue;
    const std::vector<std::string> refusals = refusals_of(*backend, prepared);
    if (refusals.empty()) return backend.get();
    for (const std::string& text : refusals)
      LOG(info) << "backend " << backend->name() << ": " << text;
    refusal = std::string(backend->name()) + " backend: " + refusals.front();
  }
  if (refusal.empty()) return Error{"there is no backend '" + wanted + "', only " + names};
  // What forbids tracing is better told by its cause than by its effect.
  if (wanted == "auto" || wanted == "ptrace") {
    if (const auto cause = diagnose_tracing(probe_tracing())) return *cause;
  }
  return Error{refusal};
}

/// Where tracing is forbidden, a namespace that keeps most promises is better than nothing.
Backend* second_choice(const Backends& backends, PreparedGuest& prepared) {
  prepared.guest.exact = false;
  for (const auto& backend : backends) {
    if (backend->name() != "namespace") continue;
    if (refusals_of(*backend, prepared).empty()) return backend.get();
  }
  return nullptr;
}

int run_guest(PreparedGuest& prepared, Backend& backend, const Backends& backends) {
  const Outcome<ExitStatus, StartError> status =
      prepared.guest.on_exit == OnExit::detach ? run_detached(prepared, backend)
                                               : backend.run(prepared.guest, prepared.extensions);
  if (status) return status->by_signal ? 128 + status->code : status->code;
  const StartError& failure = status.error();
  if (failure.failure == StartFailure::general && backend.name() == "ptrace") {
    if (const auto cause = diagnose_tracing(probe_tracing())) {
      const bool is_exact = prepared.guest.exact;
      Backend* const other = is_exact ? second_choice(backends, prepared) : nullptr;
      if (other == nullptr) return fail(cause->message, exit_not_started);
      LOG(info) << "backend ptrace: " << cause->message;
      return run_guest(prepared, *other, backends);
    }
  }
  return fail(failure.error.message, exit_code_of(failure.failure));
}

int prepare_and_run(const Request& request) {
  if (request.die_with_parent && request.on_exit == OnExit::detach) {
    return fail("--die-with-parent and --on-exit=detach contradict each other; leave one out",
                exit_not_started);
  }
  Outcome<PreparedGuest, StartError> prepared = make_guest(request, read_surroundings());
  if (!prepared) {
    return fail(prepared.error().error.message, exit_code_of(prepared.error().failure));
  }
  for (const std::string& warning : prepared->warnings)
    LOG(warning) << warning;
  const Backends backends = all_backends();
  const Result<Backend*> backend = choose_backend(backends, request.backend, *prepared);
  if (!backend) return fail(backend.error().message, exit_not_started);
  const std::string description = guest_text(*prepared, (*backend)->name());
  if (request.dry_run) return say(description);
  LOG(info) << "runs\n" << description;
  return run_guest(*prepared, **backend, backends);
}

/// The backends are asked whether they could run the simplest guest.
int print_version() {
  Guest plain{.view = View::make({Binding{.host = HostPath::root(), .guest = GuestPath::root()}})};
  plain.exact = false;
  return say(version_text(all_backends(), plain));
}

int print_help(const Request& request, Grammar grammar) {
  if (request.topic.empty()) return say(help_text(grammar));
  return say(help_text(*find_option(request.topic), grammar));
}

}  // namespace

int fail(const std::string& message, int code) {
  print_error("nestp: " + message + '\n');
  return code;
}

int run_request(Request request, Grammar grammar) {
  const std::vector<std::string> environment = read_surroundings().environment;
  if (const Result<> done = apply_proot_variables(request, environment); !done) {
    return fail(done.error().message, exit_not_started);
  }
  set_log_level(request.verbosity);
  if (!read_log_environment()) {
    return fail("variable NESTP_LOG: not LEVEL or FILE:LEVEL,...", exit_not_started);
  }
  switch (request.action) {
    case Action::help:
      return print_help(request, grammar);
    case Action::version:
      return print_version();
    case Action::list_syscalls:
      return say(syscall_list());
    case Action::generate: {
      const Result<std::string> text = generated_text(request.topic);
      return text ? say(*text) : fail(text.error().message, exit_not_started);
    }
    case Action::run:
      break;
  }
  return prepare_and_run(request);
}

}  // namespace nestp
