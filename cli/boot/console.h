// A guest's console: a terminal of its own, shown on ours.
#pragma once

#include <functional>
#include <string>

#include "arch/result.h"
#include "fs/fd.h"

namespace nestp::boot {

class Console {
 public:
  /// A new terminal, as large as ours.
  static Result<Console> open();

  /// In the process that becomes the guest: the three standard streams are the terminal.
  Result<> take_streams() const;

  /// Copies both ways until `is_over` says so and nothing more comes; asks it now and then.
  /// True if the person left by three times Ctrl-] within a second.
  bool relay(const std::function<bool()>& is_over);

 private:
  Console(UniqueFd master, std::string name) : master_(std::move(master)), name_(std::move(name)) {}
  bool copy_input(int& escapes, long& first_escape);
  void copy_size() const;

  UniqueFd master_;
  std::string name_;
  UniqueFd kept_;  ///< keeps the terminal alive while nobody has it open
  bool input_ended_ = false;
};

/// Counts Ctrl-] in `text`: true once three came within a second.  `now`: milliseconds.
bool leaves(const std::string& text, long now, int& escapes, long& first_escape);

}  // namespace nestp::boot
