// The page's only script: copies the LaTeX that belongs to the button.
document.addEventListener('click',function(e){var b=e.target.closest('button.copy');if(!b)return;
var t=b.dataset.latex,w=b.textContent;if(w===b.dataset.done)return;function ok(){b.textContent=b.dataset.done;setTimeout(function(){b.textContent=w},1500)}
function old(){var a=document.createElement('textarea');a.value=t;document.body.appendChild(a);a.select();
document.execCommand('copy');a.remove();ok()}
if(navigator.clipboard&&window.isSecureContext){navigator.clipboard.writeText(t).then(ok,old)}else{old()}});
