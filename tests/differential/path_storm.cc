// Random operations with paths, the same ones for the same seed, each printed with its result.
//
//   path_storm SEED COUNT         as an ordinary user
//   path_storm SEED COUNT root    as root, who can do more
//   path_storm list               what root sees of the files that another run left
//
// run.sh runs it in a real chroot and under nestp and compares what it prints.
#include <cstdlib>
#include <span>
#include <unistd.h>

#include "tests/differential/storm.h"
#include "tests/differential/storm_tree.h"

namespace {

constexpr std::array<Weighted, 16> kOperations = {{
    {open_file, 16},
    {open_with_how, 6},
    {make_entry, 14},
    {remove_entry, 6},
    {rename_entry, 8},
    {link_entry, 5},
    {ask_status, 14},
    {read_link, 6},
    {change_file, 6},
    {use_attributes, 4},
    {change_directory, 6},
    {tell_directory, 1},
    {list_directory, 3},
    {run_program, 2},
    {use_socket, 4},
    {watch_file, 2},
}};

/// These as well if it is root.
constexpr std::array<Weighted, 5> kRootOperations = {{
    {change_owner, 10},
    {change_mode, 10},
    {make_device, 3},
    {use_root_attributes, 10},
    {ask_access, 5},
}};

/// Operations between two fresh trees: enough to make knots, few enough to find one.
constexpr long kTreeLife = 1000;

void one_operation(Storm& storm, std::span<const Weighted> operations) {
  int tickets = 0;
  for (const Weighted& entry : operations)
    tickets += entry.weight;
  int ticket = static_cast<int>(storm.random.below(static_cast<std::uint64_t>(tickets)));
  for (const Weighted& entry : operations) {
    ticket -= entry.weight;
    if (ticket < 0) return entry.operation(storm);
  }
}

/// A third of it as somebody else.
void one_operation_of_root(Storm& storm) {
  const bool is_other = storm.random.one_in(3);
  const bool is_new = storm.random.one_in(3);
  if (is_other) become_somebody(storm);
  if (is_new) {
    one_operation(storm, kRootOperations);
  } else {
    one_operation(storm, kOperations);
  }
  if (is_other) become_root(storm);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "list") == 0) {
    print_trees(Owners::shown);
    return 0;
  }
  const bool is_root = argc == 4 && std::strcmp(argv[3], "root") == 0;
  if (argc != 3 && !is_root) return 2;
  const std::uint64_t seed = std::strtoull(argv[1], nullptr, 10);
  const long count = std::atol(argv[2]);
  Storm storm(seed, is_root);
  build_trees();
  for (storm.number = 1; storm.number <= count; ++storm.number) {
    // Each with numbers of its own, so that one wrong result does not change all that follow.
    storm.random = Random(seed * 1000003 + static_cast<std::uint64_t>(storm.number));
    if (is_root) {
      one_operation_of_root(storm);
    } else {
      one_operation(storm, kOperations);
    }
    if (storm.number % kTreeLife != 0) continue;
    print_trees(is_root ? Owners::shown : Owners::left_out);
    if (storm.number == count) break;
    storm.report("home", "", chdir("/work"));
    remove_trees();
    build_trees();
  }
  std::fflush(stdout);
}
