// Makes a tree and prints its directories; removes it when its input ends:
//
//     inotify_tree DIRECTORIES FILES
#include <iostream>
#include <string>

#include "benchmark/tree.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const bench::Tree tree(std::stoul(argv[1]), std::stoul(argv[2]));
  for (const std::string& directory : tree.directories()) std::cout << directory << '\n';
  std::cout << std::endl;
  std::cin.ignore(1);
}
