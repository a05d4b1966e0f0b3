// Paths that say whose they are.
//
// A GuestPath is what a guest sees, a HostPath what the host kernel takes.
// Both are canonical: absolute, no "." or "..", no "//", no trailing "/", no
// NUL.  Neither needs to exist.  There is no conversion between the two but
// View (fs/view.h), so a guest's path cannot reach open(2) by mistake.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "arch/result.h"

namespace nestp {

template <typename Side>
class CanonicalPath {
 public:
  /// EINVAL unless `text` is canonical already; nothing is resolved here.
  static SysResult<CanonicalPath> parse(std::string_view text);
  static CanonicalPath root() { return CanonicalPath("/"); }
  /// Precondition: `text` is canonical; for code that has just built it so.
  static CanonicalPath of_canonical(std::string text) { return CanonicalPath(std::move(text)); }

  const std::string& text() const { return text_; }
  bool is_root() const { return text_.size() == 1; }

  /// True for the path itself and for what lies below it: /a contains /a/b,
  /// not /ab.
  bool contains(const CanonicalPath& other) const {
    if (!std::string_view(other.text_).starts_with(text_)) return false;
    return text_ == "/" || other.text_.size() == text_.size() || other.text_[text_.size()] == '/';
  }

  /// The path one level up; the root's parent is the root.
  CanonicalPath parent() const {
    const std::size_t slash = text_.rfind('/');
    return CanonicalPath(slash == 0 ? "/" : text_.substr(0, slash));
  }
  /// Last component; empty for the root.
  std::string_view name() const { return std::string_view(text_).substr(text_.rfind('/') + 1); }

  /// This path with one more component.  Precondition: `name` is neither empty,
  /// "." nor "..", and holds no '/' and no NUL.
  CanonicalPath child(std::string_view name) const {
    std::string text;
    text.reserve(text_.size() + 1 + name.size());
    if (!is_root()) text = text_;
    text += '/';
    text += name;
    return CanonicalPath(std::move(text));
  }

  /// What follows `prefix` in this path, with its leading slash; empty if equal.
  /// Precondition: prefix.contains(*this).
  std::string_view below(const CanonicalPath& prefix) const {
    std::string_view rest = text_;
    if (prefix.is_root()) return is_root() ? std::string_view() : rest;
    return rest.substr(prefix.text_.size());
  }

  /// This path with `suffix` (empty, or starting with a slash, canonical) behind it.
  CanonicalPath joined(std::string_view suffix) const {
    if (suffix.empty()) return *this;
    std::string text = is_root() ? std::string() : text_;
    text += suffix;
    return CanonicalPath(std::move(text));
  }

  friend bool operator==(const CanonicalPath&, const CanonicalPath&) = default;
  friend auto operator<=>(const CanonicalPath&, const CanonicalPath&) = default;

 private:
  explicit CanonicalPath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Takes a ".." and what leads nowhere before and behind it from the front of `rest`.  False:
/// something else comes first.
bool take_parent_component(std::string_view& rest);

using GuestPath = CanonicalPath<struct GuestSide>;
using HostPath = CanonicalPath<struct HostSide>;

}  // namespace nestp

template <typename Side>
struct std::hash<nestp::CanonicalPath<Side>> {
  std::size_t operator()(const nestp::CanonicalPath<Side>& path) const noexcept {
    return std::hash<std::string>()(path.text());
  }
};
