// What nestp says of itself and of a run: --version, --dry-run, --list-syscalls.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "cli/make_guest.h"
#include "engine/backend.h"

namespace nestp {

/// The version, and what each of `backends` says of a plain guest.
std::string version_text(std::span<const std::unique_ptr<Backend>> backends, const Guest& plain);

/// A line a fact; `backend` is the name of the one chosen.
std::string guest_text(const PreparedGuest& prepared, std::string_view backend);

/// A line a call: its number in each ABI of this machine, and what is left as it is.
std::string syscall_list();

/// `words` as one would type them to a shell.
std::string shell_words(std::span<const std::string> words);

}  // namespace nestp
