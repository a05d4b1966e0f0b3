// What this kernel lets this process do with namespaces: tried, not read from versions.
#pragma once

#include <optional>
#include <string>

#include "arch/result.h"

namespace nestp {

enum class NamespaceStep : int { none, clone, map, mount, pivot };

/// The first step that failed, and how.
struct NamespaceTrial {
  NamespaceStep failed = NamespaceStep::none;
  int error = 0;
};

/// What may be the cause; unreadable files are empty.
struct NamespaceFacts {
  NamespaceTrial trial;
  bool is_root = false;
  std::string unprivileged_clone{};  ///< kernel.unprivileged_userns_clone
  std::string most_namespaces{};     ///< user.max_user_namespaces
  std::string apparmor_restricts{};  ///< kernel.apparmor_restrict_unprivileged_userns
  bool is_filtered = false;          ///< a seccomp filter is on this process
  bool in_container = false;
  bool has_user_namespaces = true;  ///< /proc/self/ns/user is there
};

/// Clones a child into namespaces, maps its ids, lets it mount and change its root.
/// `clone_flags`: CLONE_NEW*.
NamespaceTrial try_namespaces(int clone_flags);

NamespaceFacts namespace_facts(NamespaceTrial trial);

/// The cause and its remedy in one sentence; none if nothing failed.
std::optional<std::string> diagnose_namespaces(const NamespaceFacts& facts);

/// The text of a small file without its newline; empty if it cannot be read.
std::string first_line_of(const std::string& path);

}  // namespace nestp
