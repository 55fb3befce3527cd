"""Laws whose Stieltjes transform is algebraic."""
